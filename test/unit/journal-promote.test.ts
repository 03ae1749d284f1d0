import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Journal } from '../../src/contract/journal.ts';
import {
  applyOpen,
  closing,
  ledgerIn,
  loadUsers,
  manyUsers,
  moveUser,
  openJournal,
  page,
  print,
  RECIPE,
  tempFolder,
} from '../support/journal.ts';

async function standing(journal: Journal, user_id: string) {
  const [user] = await journal.meet([user_id]);
  return user?.standing;
}

/** Users u1…u3 are loaded, a scan is open. */
async function three(): Promise<Journal> {
  const journal = await openJournal(tempFolder());
  await loadUsers(journal, manyUsers(3));
  journal.beginScan('sync', RECIPE);
  return journal;
}

describe('promoting a batch', () => {
  test('makes its versions the loaded ones and removes its file', async () => {
    const journal = await openJournal(tempFolder());
    journal.note({ epoch: 'e1' });
    journal.beginScan('sync', RECIPE);
    await page(journal, null, manyUsers(3));
    const batch = await journal.seal('run-1');
    expect(existsSync(batch?.path ?? '')).toBe(true);
    expect(await applyOpen(journal)).toEqual({ inserted: 3, updated: 0, restored: 0, deleted: 0, same: 0 });
    expect(journal.facts()).toMatchObject({ seq: 1, batch_id: batch?.batch_id, live: 3 });
    expect(journal.sealed()).toBeNull();
    expect(journal.openBatch()).toMatchObject({ lines: 0, bytes: 0 });
    expect(existsSync(batch?.path ?? '')).toBe(false);
    expect((await journal.meet(['u1']))[0]?.loaded).toEqual({ fingerprint: print('a'), standing: 'live' });
  });

  test('numbers batches one after the other', async () => {
    const journal = await three();
    await page(journal, 'c1', [['u1', 'b']]);
    expect((await journal.seal('run-2'))?.seq).toBe(2);
    await applyOpen(journal);
    await page(journal, null, [['u2', 'b']]);
    expect((await journal.seal('run-2'))?.seq).toBe(3);
  });

  test('counts live rows through inserts, deletions and returns', async () => {
    const journal = await three();
    await moveUser(journal, 'u1', { fingerprint: print('a'), standing: 'gone' });
    await page(journal, 'c1', [['u4', 'a']]);
    expect(await applyOpen(journal)).toMatchObject({ inserted: 1, deleted: 1 });
    expect(journal.facts().live).toBe(3);
    await page(journal, null, [['u1', 'b']]);
    expect(await applyOpen(journal)).toMatchObject({ restored: 1, updated: 0, inserted: 0 });
    expect(journal.facts().live).toBe(4);
  });
});

describe('a user whom the warehouse refused', () => {
  test('is rejected when he has no row: he is not counted and not asked for as missing', async () => {
    const journal = await three();
    await page(journal, 'c1', [
      ['u4', 'bad'],
      ['u5', 'a'],
    ]);
    await journal.seal('run-2');
    journal.refuse(['u4']);
    expect(await applyOpen(journal)).toMatchObject({ inserted: 1 });
    expect(journal.facts().live).toBe(4);
    expect(await standing(journal, 'u4')).toBe('rejected');
    expect(journal.seenWithoutRow()).toBe(1);
    expect([...journal.live()].map((user) => user.user_id)).toEqual(['u1', 'u2', 'u3', 'u5']);
  });

  test('is stale when an older version of him is a row: the row stays and is not counted as updated', async () => {
    const journal = await three();
    await page(journal, 'c1', [
      ['u1', 'bad'],
      ['u2', 'b'],
    ]);
    await journal.seal('run-2');
    journal.refuse(['u1']);
    expect(await applyOpen(journal)).toMatchObject({ updated: 1, inserted: 0 });
    expect(journal.facts().live).toBe(3);
    expect(await standing(journal, 'u1')).toBe('stale');
    expect([...journal.missing()].map((user) => user.user_id)).toEqual(['u3']);
  });

  test('is loaded when his next version converts', async () => {
    const journal = await three();
    await page(journal, 'c1', [
      ['u1', 'bad'],
      ['u4', 'bad'],
    ]);
    await journal.seal('run-2');
    journal.refuse(['u1', 'u4']);
    await applyOpen(journal);
    await page(journal, null, [
      ['u1', 'good'],
      ['u4', 'good'],
    ]);
    expect(await applyOpen(journal)).toMatchObject({ inserted: 1, updated: 1 });
    expect(journal.facts().live).toBe(4);
    expect(await standing(journal, 'u1')).toBe('live');
  });

  test('is still one whose row is marked as gone when he comes back with a version that converts', async () => {
    const journal = await three();
    await moveUser(journal, 'u1', { fingerprint: print('a'), standing: 'gone' });
    await applyOpen(journal);
    await page(journal, 'c1', [['u1', 'bad']]);
    await journal.seal('run-3');
    journal.refuse(['u1']);
    expect(await applyOpen(journal)).toMatchObject({ inserted: 0, restored: 0 });
    await page(journal, null, [['u1', 'good']]);
    expect(await applyOpen(journal)).toMatchObject({ inserted: 0, restored: 1 });
  });

  test('is forgotten by the next batch, which refuses nobody', async () => {
    const journal = await three();
    await page(journal, 'c1', [['u1', 'bad']]);
    await journal.seal('run-2');
    journal.refuse(['u1']);
    await applyOpen(journal);
    await page(journal, null, [['u2', 'b']]);
    expect(await applyOpen(journal)).toMatchObject({ updated: 1 });
  });
});

describe('a copy of a ledger', () => {
  test('begins from what the warehouse has and leaves the ledger as it is', async () => {
    const folder = tempFolder();
    const journal = await openJournal(folder);
    await loadUsers(journal, manyUsers(2));
    journal.beginScan('sync', RECIPE);
    await page(journal, 'c1', [
      ['u1', 'b'],
      ['u3', 'a'],
    ]);
    const copied = await ledgerIn(folder).ledger.copy(tempFolder());
    const copy = closing((await copied.open()).journal);
    expect(copy.scan()).toBeNull();
    expect(copy.openBatch().lines).toBe(0);
    expect(copy.facts()).toEqual(journal.facts());
    const met = await copy.meet(['u1', 'u3']);
    expect(met.map((user) => user?.fingerprint ?? null)).toEqual([print('a'), null]);
    copy.beginScan('sync', RECIPE);
    await page(copy, null, [['u9', 'a']]);
    expect(journal.openBatch().lines).toBe(2);
    expect(journal.scan()?.cursor).toBe('c1');
  });
});
