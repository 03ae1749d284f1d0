import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { noEffects } from '../../src/contract/effects.ts';
import type { Journal, Line, RebuildStart } from '../../src/contract/journal.ts';
import type { Row } from '../../src/contract/warehouse.ts';
import {
  applyOpen,
  closing,
  ledgerIn,
  loadUsers,
  manyUsers,
  openJournal,
  page,
  print,
  RECIPE,
  rejectedRecord,
  runOf,
  tempFolder,
} from '../support/journal.ts';

const START: RebuildStart = {
  epoch: 'e2',
  seq: 7,
  batch_id: 'e1-7-aa',
  account: 'acme',
  after: '2026-11-01T12:00:00.000250Z',
};

const row = (user_id: string, content: string, changes: Partial<Row> = {}): Row => ({
  user_id,
  fingerprint: print(content),
  seq: 3,
  gone: 0,
  off: 0,
  ...changes,
});

const ROWS: readonly Row[] = [
  row('u1', 'a'),
  row('u2', 'b', { seq: 7 }),
  row('u3', 'c', { gone: 1 }),
  row('u4', 'd', { off: 1 }),
];

async function* from(rows: readonly Row[]): AsyncIterable<Row> {
  yield* rows;
}

/** Rebuilds as the engine does: the ledger that is there, or a new one, was opened and is closed. */
async function rebuilt(folder: string, rows: readonly Row[], start = START, clock?: { ms: number }): Promise<Journal> {
  const { ledger } = ledgerIn(folder, clock);
  (await ledger.open()).journal.close();
  return closing(await ledger.rebuild(from(rows), start));
}

describe('a rebuilt ledger', () => {
  test('knows the users of the warehouse as they are there', async () => {
    const journal = await rebuilt(tempFolder(), ROWS);
    const met = await journal.meet(['u4', 'u3', 'u2', 'u1', 'u5']);
    expect(met.map((user) => user && [user.fingerprint, user.standing])).toEqual([
      [print('d'), 'inactive'],
      [print('c'), 'gone'],
      [print('b'), 'live'],
      [print('a'), 'live'],
      null,
    ]);
    for (const user of met) if (user !== null) expect(user.loaded.fingerprint).toBe(user.fingerprint);
  });

  test('knows a user whom the table has twice once, as the row says that was written last', async () => {
    const twice = [
      row('u1', 'older', { seq: 2 }),
      row('u2', 'b'),
      row('u3', 'c', { gone: 1 }),
      row('u1', 'newer', { seq: 5 }),
    ];
    const journal = await rebuilt(tempFolder(), [...twice, row('u3', 'c', { seq: 6, gone: 1 })]);
    expect(journal.facts().live).toBe(2);
    const met = await journal.meet(['u1', 'u2', 'u3']);
    expect(met.map((user) => user?.fingerprint)).toEqual([print('newer'), print('b'), print('c')]);
  });

  test('has the warehouse’s own facts and counts the rows that are not tombstoned', async () => {
    const journal = await rebuilt(tempFolder(), ROWS);
    const { epoch, seq, batch_id, account } = START;
    expect(journal.facts()).toMatchObject({ epoch, seq, batch_id, account, live: 3, refs: null });
  });

  test('goes on from there: the next batch is the next number and only changes are in it', async () => {
    const journal = await rebuilt(tempFolder(), ROWS);
    journal.beginScan('sync', RECIPE);
    await page(journal, null, [
      ['u1', 'a'],
      ['u2', 'changed'],
      ['u3', 'c'],
      ['u9', 'a'],
    ]);
    expect((await journal.seal('run-1'))?.seq).toBe(8);
    expect(await applyOpen(journal)).toEqual({ inserted: 1, updated: 1, restored: 1, deleted: 0, same: 0 });
    expect(journal.facts().live).toBe(5);
  });

  test('believes no row that is newer than the state', async () => {
    const journal = await rebuilt(tempFolder(), [row('u1', 'a', { seq: 99 })]);
    const [user] = await journal.meet(['u1']);
    expect(user?.loaded).toEqual({ fingerprint: print('a'), standing: 'live' });
  });

  test('drops the open scan, the open batch and its spool file', async () => {
    const folder = tempFolder();
    const old = await openJournal(folder);
    await loadUsers(old, manyUsers(2));
    old.beginScan('sync', RECIPE);
    await page(old, 'c1', [['u1', 'b']]);
    old.close();
    const journal = await rebuilt(folder, ROWS);
    expect(journal.scan()).toBeNull();
    expect(journal.openBatch().lines).toBe(0);
    expect(readdirSync(join(folder, 'spool'))).toEqual([]);
  });

  test('carries over runs and rejected records', async () => {
    const folder = tempFolder();
    const old = await openJournal(folder);
    old.saveRun(runOf('r1', '2026-10-31T00:00:00.000000Z'), true);
    old.saveRun(runOf('r2', '2026-11-01T00:00:00.000000Z'), false);
    const rejected = [rejectedRecord('h1')];
    const lines: Line[] = [{ op: 'reject', json: '{"op":"reject"}' }];
    await old.step({ lines, moves: [], seen: [], rejected, effects: noEffects(), place: null });
    await applyOpen(old);
    old.close();
    const journal = await rebuilt(folder, ROWS);
    expect(journal.runs(10).map((run) => run.run_id)).toEqual(['r2', 'r1']);
    expect(journal.unsentRuns().map((run) => run.run_id)).toEqual(['r2']);
    expect(journal.rejected(10)).toEqual(rejected);
  });

  test('hands out times later than the warehouse’s last and than its own before', async () => {
    const early = { ms: Date.parse('2026-01-01T00:00:00Z') };
    expect((await rebuilt(tempFolder(), [], START, early)).now() > START.after).toBe(true);
    const folder = tempFolder();
    const clock = { ms: Date.parse('2026-12-24T00:00:00Z') };
    const old = await openJournal(folder, clock);
    const last = old.now();
    old.close();
    expect((await rebuilt(folder, [], START, early)).now() > last).toBe(true);
  });

  test('is whole after it is opened again', async () => {
    const folder = tempFolder();
    (await rebuilt(folder, ROWS)).close();
    const journal = await openJournal(folder);
    expect(journal.facts()).toMatchObject({ epoch: 'e2', seq: 7, live: 3 });
    expect((await journal.meet(['u3']))[0]).toMatchObject({ standing: 'gone' });
  });

  test('takes more rows than it writes in one turn', async () => {
    const rows = Array.from({ length: 12_345 }, (_, i) => row(`u${i}`, 'a'));
    const journal = await rebuilt(tempFolder(), rows);
    expect(journal.facts().live).toBe(12_345);
    expect((await journal.meet(['u12344', 'u5000', 'u0'])).map((user) => user?.num)).toEqual([12_345, 5001, 1]);
  });
});

describe('a rebuild that does not come to its end', () => {
  async function* failing(): AsyncIterable<Row> {
    yield* ROWS;
    throw new Error('the connection to the warehouse broke');
  }

  async function half(folder: string): Promise<void> {
    const old = await openJournal(folder);
    await loadUsers(old, manyUsers(2));
    old.close();
    const { ledger } = ledgerIn(folder);
    await expect(ledger.rebuild(failing(), START)).rejects.toThrow(/connection to the warehouse broke/);
  }

  test('leaves the old ledger as it was', async () => {
    const folder = tempFolder();
    await half(folder);
    const journal = await openJournal(folder);
    expect(journal.facts()).toMatchObject({ epoch: 'e1', seq: 1, live: 2 });
    expect((await journal.meet(['u1', 'u4'])).map((user) => user?.standing ?? null)).toEqual(['live', null]);
  });

  test('does not disturb the next one', async () => {
    const folder = tempFolder();
    await half(folder);
    const journal = await rebuilt(folder, ROWS.slice(0, 1));
    expect(journal.facts().live).toBe(1);
    expect(await journal.meet(['u2'])).toEqual([null]);
    expect(existsSync(`${ledgerIn(folder).file}.new`)).toBe(false);
  });
});
