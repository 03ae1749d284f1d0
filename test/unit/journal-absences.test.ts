import { describe, expect, test } from 'vitest';
import type { Journal, Known } from '../../src/contract/journal.ts';
import {
  applyOpen,
  loadUsers,
  manyUsers,
  moveUser,
  openJournal,
  page,
  print,
  RECIPE,
  tempFolder,
} from '../support/journal.ts';

const names = (users: Iterable<Known>): string[] => [...users].map((user) => user.user_id);

async function num(journal: Journal, user_id: string): Promise<number> {
  const [user] = await journal.meet([user_id]);
  return user?.num ?? Number.NaN;
}

/** Users u1…u6 loaded, of whom a complete scan saw u1…u4. */
async function missingTwo(): Promise<Journal> {
  const journal = await openJournal(tempFolder());
  await loadUsers(journal, manyUsers(6));
  journal.beginScan('sync', RECIPE);
  await page(journal, null, manyUsers(4));
  return journal;
}

async function keepInactive(journal: Journal, ...user_ids: string[]): Promise<void> {
  for (const user_id of user_ids) await moveUser(journal, user_id, { fingerprint: print('off'), standing: 'inactive' });
  await applyOpen(journal);
}

describe('users whom a scan did not see', () => {
  test('are missing while they have a live row', async () => {
    const journal = await missingTwo();
    expect(names(journal.missing())).toEqual(['u5', 'u6']);
    await moveUser(journal, 'u6', { fingerprint: print('a'), standing: 'gone' });
    expect(names(journal.missing())).toEqual(['u5']);
  });

  test('were missed before only once the scan that missed them has ended complete', async () => {
    const journal = await missingTwo();
    const missed = await num(journal, 'u5');
    journal.noteMissed([missed]);
    expect(journal.missedBefore(missed)).toBe(false);
    journal.endScan();
    expect(journal.missedBefore(missed)).toBe(true);
    expect(journal.missedBefore(await num(journal, 'u6'))).toBe(false);
  });

  test('a scan that was given up proves nothing', async () => {
    const journal = await openJournal(tempFolder());
    await loadUsers(journal, manyUsers(3));
    journal.beginScan('sync', RECIPE);
    await page(journal, 'c1', manyUsers(1));
    const missed = await num(journal, 'u3');
    journal.noteMissed([missed]);
    journal.endScan();
    expect(journal.missedBefore(missed)).toBe(false);
  });

  test('who are seen by the scan in between were not missed before', async () => {
    const journal = await missingTwo();
    const missed = await num(journal, 'u5');
    journal.noteMissed([missed]);
    journal.endScan();
    journal.beginScan('sync', RECIPE);
    await page(journal, null, manyUsers(6));
    journal.endScan();
    journal.beginScan('sync', RECIPE);
    expect(journal.missedBefore(missed)).toBe(false);
  });
});

describe('the control of lookups', () => {
  test('is somebody with a live row whom this scan saw', async () => {
    const journal = await openJournal(tempFolder());
    await loadUsers(journal, manyUsers(3));
    journal.beginScan('sync', RECIPE);
    expect(journal.listed()).toBeNull();
    await page(journal, 'c1', [['u2', 'a']]);
    expect(journal.listed()).toBe('u2');
  });
});

describe('users kept as inactive', () => {
  test('are counted apart and are not missing', async () => {
    const journal = await missingTwo();
    await keepInactive(journal, 'u5');
    expect(names(journal.missing())).toEqual(['u6']);
    expect(journal.inactive()).toBe(1);
    expect(journal.unseenInactive()).toBe(1);
    expect(journal.facts().live).toBe(6);
  });

  test('have their turn one after the other to be looked up again', async () => {
    const journal = await openJournal(tempFolder());
    await loadUsers(journal, manyUsers(6));
    journal.beginScan('sync', RECIPE);
    await page(journal, null, manyUsers(1));
    await keepInactive(journal, 'u2', 'u3', 'u4', 'u5', 'u6');
    expect(names(journal.recheck(2))).toEqual(['u2', 'u3']);
    expect(names(journal.recheck(2))).toEqual(['u4', 'u5']);
    expect(names(journal.recheck(2))).toEqual(['u6', 'u2']);
    expect(names(journal.recheck(10))).toEqual(['u3', 'u4', 'u5', 'u6', 'u2']);
  });

  test('keep their turn when nobody can be asked for', async () => {
    const journal = await openJournal(tempFolder());
    await loadUsers(journal, manyUsers(4));
    journal.beginScan('sync', RECIPE);
    await page(journal, null, manyUsers(1));
    await keepInactive(journal, 'u2', 'u3', 'u4');
    expect(names(journal.recheck(1))).toEqual(['u2']);
    expect(names(journal.recheck(0))).toEqual([]);
    expect(names(journal.recheck(1))).toEqual(['u3']);
  });

  test('whom this scan met need no lookup', async () => {
    const journal = await openJournal(tempFolder());
    await loadUsers(journal, manyUsers(3));
    journal.beginScan('sync', RECIPE);
    await page(journal, null, manyUsers(1));
    await keepInactive(journal, 'u2', 'u3');
    journal.endScan();
    journal.beginScan('sync', RECIPE);
    await page(journal, 'c1', [['u3', 'b']]);
    expect(names(journal.recheck(5))).toEqual(['u2']);
    expect(journal.unseenInactive()).toBe(1);
  });
});
