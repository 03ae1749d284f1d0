import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { noEffects } from '../../src/contract/effects.ts';
import type { Journal } from '../../src/contract/journal.ts';
import {
  applyOpen,
  ledgerIn,
  loadUsers,
  manyUsers,
  openJournal,
  page,
  print,
  RECIPE,
  rejectedRecord,
  tempFolder,
} from '../support/journal.ts';

/** Users u1…u3 loaded; a scan is open, in which u1 changed and u4 came. */
async function pending(folder: string): Promise<Journal> {
  const journal = await openJournal(folder);
  await loadUsers(journal, manyUsers(3));
  journal.note({ refs: 'hash of the roles' });
  journal.beginScan('sync', RECIPE);
  await page(journal, 'c1', [
    ['u1', 'b'],
    ['u4', 'a'],
  ]);
  return journal;
}

/** What is the same whether or not the ledger was opened again since. */
function expectNothingPending(folder: string, journal: Journal): void {
  expect(journal.scan()).toBeNull();
  expect(journal.openBatch()).toMatchObject({ lines: 0, bytes: 0, effects: noEffects() });
  expect(journal.sealed()).toBeNull();
  expect(readdirSync(join(folder, 'spool'))).toEqual([]);
}

describe('dropping what is pending', () => {
  test('goes back to what the warehouse has, in the open journal', async () => {
    const folder = tempFolder();
    const journal = await pending(folder);
    journal.dropPending();
    expectNothingPending(folder, journal);
  });

  test('goes back to what the warehouse has, in the file', async () => {
    const folder = tempFolder();
    const dropping = await pending(folder);
    await dropping.seal('run-2');
    dropping.dropPending();
    const journal = await openJournal(folder);
    expectNothingPending(folder, journal);
    const [one, four] = await journal.meet(['u1', 'u4']);
    expect(one).toMatchObject({ fingerprint: print('a'), standing: 'live' });
    expect(four?.loaded.fingerprint ?? null).toBeNull();
    expect(journal.facts()).toMatchObject({ seq: 1, live: 3, refs: null });
  });

  test('loses nothing: the next scan finds the same changes', async () => {
    const journal = await pending(tempFolder());
    journal.dropPending();
    journal.beginScan('sync', RECIPE);
    await page(journal, null, [
      ['u1', 'b'],
      ['u4', 'a'],
    ]);
    expect(await applyOpen(journal)).toMatchObject({ inserted: 1, updated: 1 });
    expect(journal.facts().live).toBe(4);
  });
});

describe('erasing a user', () => {
  test('forgets him and what was quarantined of him, and nobody else', async () => {
    const journal = await openJournal(tempFolder());
    await loadUsers(journal, manyUsers(3));
    const rejected = [rejectedRecord('h1', { user_id: 'u2' }), rejectedRecord('h2', { user_id: 'u3' })];
    await journal.step({ lines: [], moves: [], seen: [], rejected, effects: noEffects(), place: null });
    journal.erase('u2');
    expect((await journal.meet(['u1', 'u2', 'u3'])).map((user) => user?.user_id ?? null)).toEqual(['u1', null, 'u3']);
    expect(journal.rejected(10).map((record) => record.payload_hash)).toEqual(['h2']);
    expect(journal.facts().live).toBe(2);
  });

  test('of whom nothing is known changes nothing', async () => {
    const journal = await openJournal(tempFolder());
    await loadUsers(journal, manyUsers(3));
    journal.erase('nobody');
    expect(journal.facts().live).toBe(3);
  });

  test('leaves no trace of him in the files', async () => {
    const folder = tempFolder();
    const journal = await openJournal(folder);
    await loadUsers(journal, [['erika.mustermann', 'a'], ...manyUsers(3)]);
    journal.erase('erika.mustermann');
    journal.close();
    expect(readFileSync(ledgerIn(folder).file).includes('erika')).toBe(false);
  });

  test('makes him new when he comes back', async () => {
    const journal = await openJournal(tempFolder());
    await loadUsers(journal, manyUsers(3));
    journal.erase('u3');
    journal.beginScan('sync', RECIPE);
    await page(journal, null, manyUsers(3));
    expect(await applyOpen(journal)).toMatchObject({ inserted: 1, restored: 0 });
    expect(journal.seenCount()).toBe(3);
  });
});
