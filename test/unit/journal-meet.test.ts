import { describe, expect, test } from 'vitest';
import type { Journal } from '../../src/contract/journal.ts';
import {
  applyOpen,
  loadUsers,
  type Met,
  manyUsers,
  openJournal,
  page,
  print,
  RECIPE,
  seededRandom,
  tempFolder,
} from '../support/journal.ts';

/** Users u1…u600, loaded in three pages, and a new scan begun. */
async function known(): Promise<Journal> {
  const journal = await openJournal(tempFolder());
  await loadUsers(journal, manyUsers(200), manyUsers(200, 'a', 201), manyUsers(200, 'a', 401));
  journal.beginScan('sync', RECIPE);
  return journal;
}

const idsOf = (users: readonly Met[]): string[] => users.map(([id]) => id);

/** Numbers of those met; users were numbered as they were first listed, so that `u<n>` has number n. */
const numbers = async (journal: Journal, ids: readonly string[]) =>
  (await journal.meet(ids)).map((user) => user?.num ?? null);

const expected = (ids: readonly string[]): number[] => ids.map((id) => Number(id.slice(1)));

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = seededRandom(seed);
  const left = [...items];
  return items
    .map(() => left.splice(Math.floor(random() * left.length), 1)[0] ?? left[0])
    .filter((x) => x !== undefined);
}

describe('meeting users whom the ledger knows', () => {
  test('finds them in listing order, page by page', async () => {
    const journal = await known();
    for (const from of [1, 201, 401]) {
      const ids = idsOf(manyUsers(200, 'a', from));
      expect(await numbers(journal, ids)).toEqual(expected(ids));
    }
  });

  test('tells each by id, fingerprint and standing', async () => {
    const journal = await known();
    const [user] = await journal.meet(['u7']);
    const version = { fingerprint: print('a'), standing: 'live' };
    expect(user).toEqual({ num: 7, user_id: 'u7', ...version, loaded: version, waits: null });
  });

  test('finds them in another order', async () => {
    const journal = await known();
    const ids = shuffled(idsOf(manyUsers(600)), 7);
    for (let at = 0; at < ids.length; at += 200) {
      const some = ids.slice(at, at + 200);
      expect(await numbers(journal, some)).toEqual(expected(some));
    }
  });

  test('finds them backwards', async () => {
    const journal = await known();
    const ids = idsOf(manyUsers(600)).reverse();
    expect(await numbers(journal, ids)).toEqual(expected(ids));
  });

  test('finds a user named twice at both places', async () => {
    const journal = await known();
    expect(await numbers(journal, ['u1', 'u2', 'u2', 'u1', 'u3'])).toEqual([1, 2, 2, 1, 3]);
  });

  test('finds everybody when the listing is shifted by users who came or left', async () => {
    const journal = await known();
    const came = Array.from({ length: 30 }, (_, i) => `new${i}`);
    const shifted = [...came, ...idsOf(manyUsers(600)).filter((id) => !/[37]$/.test(id))];
    for (let at = 0; at < shifted.length; at += 100) {
      const some = shifted.slice(at, at + 100);
      expect(await numbers(journal, some)).toEqual(
        some.map((id) => (id.startsWith('new') ? null : Number(id.slice(1)))),
      );
    }
  });

  test('finds everybody when a whole page of users left', async () => {
    const journal = await known();
    await numbers(journal, idsOf(manyUsers(100)));
    const ids = idsOf(manyUsers(200, 'a', 401));
    expect(await numbers(journal, ids)).toEqual(expected(ids));
  });

  test('gives null in its place for whom it does not know', async () => {
    const journal = await known();
    expect(await numbers(journal, ['nobody', 'u600', 'U1', ''])).toEqual([null, 600, null, null]);
  });

  test('tells ids apart that differ by case, spaces or normal form', async () => {
    const journal = await openJournal(tempFolder());
    const ids = ['a', 'A', 'a ', '\u00e9', 'e\u0301', 'a/b', 'a|b', '\u0000', '0', '00'];
    await loadUsers(
      journal,
      ids.map((id): Met => [id, 'x']),
    );
    expect(await numbers(journal, ids)).toEqual(ids.map((_, i) => i + 1));
  });
});

describe('a first scan, which has no index yet', () => {
  test('finds users of earlier pages', async () => {
    const journal = await openJournal(tempFolder());
    journal.beginScan('sync', RECIPE);
    await page(journal, 'c1', manyUsers(50));
    await page(journal, 'c2', [...manyUsers(5, 'a', 51), ['u3', 'b']]);
    expect(await numbers(journal, ['u60', 'u55', 'u50', 'u1'])).toEqual([null, 55, 50, 1]);
    expect(journal.seenCount()).toBe(55);
    expect(journal.openBatch()).toMatchObject({ lines: 56, effects: { inserted: 55, updated: 0 } });
  });

  test('counts a user once who comes twice on one page, and the later record counts', async () => {
    const journal = await openJournal(tempFolder());
    journal.beginScan('sync', RECIPE);
    await page(journal, null, [
      ['u1', 'a'],
      ['u1', 'b'],
    ]);
    expect(journal.seenCount()).toBe(1);
    expect((await journal.meet(['u1']))[0]?.fingerprint).toBe(print('b'));
    expect(await applyOpen(journal)).toMatchObject({ inserted: 1 });
  });
});

describe('a version that is still pending', () => {
  const version = (content: string) => ({ fingerprint: print(content), standing: 'live' });

  test('is what a user is compared with, while `loaded` stays what the warehouse has', async () => {
    const journal = await known();
    await page(journal, 'c1', [['u1', 'b']]);
    expect((await journal.meet(['u1']))[0]).toMatchObject({ ...version('b'), loaded: version('a') });
    await page(journal, 'c2', [['u1', 'c']]);
    expect((await journal.meet(['u1']))[0]).toMatchObject({ ...version('c'), loaded: version('a') });
    await applyOpen(journal);
    expect((await journal.meet(['u1']))[0]).toMatchObject({ ...version('c'), loaded: version('c') });
  });

  test('A, B, A over three pages is no change', async () => {
    const journal = await known();
    await page(journal, 'c1', [['u1', 'b']]);
    expect(journal.openBatch().effects).toMatchObject({ updated: 1 });
    await page(journal, 'c2', [['u1', 'a']]);
    const { effects } = journal.openBatch();
    expect(effects).toEqual({ inserted: 0, updated: 0, restored: 0, deleted: 0, same: 0 });
    expect(await journal.seal('run-1'), 'a batch that changes nothing is dropped').toBeNull();
    expect(journal.openBatch().lines).toBe(0);
    expect((await journal.meet(['u1']))[0]).toMatchObject({ ...version('a'), loaded: version('a') });
  });
});
