import { openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Run } from '../../src/contract/run.ts';
import { change, expectOk, idsOf, makeStage, type Setting, type Stage, TIMELESS } from '../support/stage.ts';

/** A stage with something of everything: a renamed, a deleted, a deactivated and a plain user. */
async function played(setting: Setting = {}): Promise<Stage> {
  const stage = makeStage({ users: 20, ...setting });
  expectOk(await stage.sync());
  change(stage.world, 'u1', { name: 'Renamed' });
  change(stage.world, 'u2', {}, 'gone');
  change(stage.world, 'u3', {}, 'off');
  expectOk(await stage.sync());
  return stage;
}

const ledger = (stage: Stage): string => join(stage.engine.state, 'crew.ledger');

const KEPT = 'select user_id, first_seen_at, changed_at, deleted_at from users order by user_id';

const logOf = (stage: Stage) => stage.query('select * from user_changes order by user_id, seq');

/** Expects the next run to find nothing to change, and all tables to be as they were. */
async function expectNothingNew(stage: Stage, before: readonly unknown[]): Promise<Run> {
  const run = await stage.sync();
  expectOk(run);
  expect(run.counts).toMatchObject({ inserted: 0, updated: 0, deleted: 0, restored: 0, seen: 18, unchanged: 18 });
  expect([await stage.query(TIMELESS), await stage.query(KEPT), await logOf(stage)]).toEqual(before);
  return run;
}

/** What says when a row was written, and by which run. */
const TIMES: Readonly<Record<string, string>> = { rejected_records: 'run_id, rejected_at' };

const tables = async (stage: Stage) => [await stage.query(TIMELESS), await stage.query(KEPT), await logOf(stage)];

afterEach(() => {
  vi.useRealTimers();
});

describe('promise 7: the ledger is a cache of the truth', () => {
  test('a lost ledger is rebuilt from the rows, and only true changes are written', async () => {
    const stage = await played();
    const before = await tables(stage);
    stage.loseLedger();
    await expectNothingNew(stage, before);
    stage.loseLedger();
    change(stage.world, 'u4', { name: 'Changed while the ledger was lost' });
    change(stage.world, 'u2', {}, 'listed');
    expect((await stage.sync()).counts).toMatchObject({ updated: 1, restored: 1, inserted: 0, unchanged: 17 });
    expect(await stage.ops('u2')).toEqual(['insert', 'delete', 'restore']);
  });

  test('a ledger that is no SQLite file is kept aside and rebuilt', async () => {
    const stage = await played();
    const before = await tables(stage);
    for (const tail of ['-wal', '-shm']) rmSync(`${ledger(stage)}${tail}`, { force: true });
    writeFileSync(ledger(stage), 'this is no database, but it is longer than a header of one would be: '.repeat(20));
    const { run, warned } = await stage.run();
    expect(run).toMatchObject({ outcome: 'ok', counts: { inserted: 0, updated: 0, unchanged: 18 } });
    const kept = /kept as (\S+\.broken-[\w-]+)/.exec(warned.join('\n'))?.[1] ?? '';
    expect(readFileSync(kept, 'utf8')).toContain('this is no database');
    await expectNothingNew(stage, before);
  });

  test('an empty ledger file is rebuilt', async () => {
    const stage = await played();
    const before = await tables(stage);
    for (const tail of ['-wal', '-shm']) rmSync(`${ledger(stage)}${tail}`, { force: true });
    truncateSync(ledger(stage), 0);
    await expectNothingNew(stage, before);
  });

  test('a ledger damaged in its middle is rebuilt', async () => {
    const stage = makeStage({ users: 1500, flavour: { pageSize: 500 } });
    expectOk(await stage.sync());
    const pages = statSync(ledger(stage)).size / 4096;
    const file = openSync(ledger(stage), 'r+');
    const garbage = Buffer.alloc(4096, 0x5a);
    for (let page = Math.floor(pages / 4); page < pages; page += 1) writeSync(file, garbage, 0, 4096, page * 4096);
    change(stage.world, 'u700', { name: 'Renamed' });
    await stage.sync();
    const run = await stage.sync();
    expectOk(run);
    expect(await stage.ops('u700')).toEqual(['insert', 'update']);
    expect(await stage.query('select count(*) as n from user_changes')).toEqual([{ n: 1501 }]);
  });

  test('an older ledger, restored from a backup, is rebuilt', async () => {
    const stage = await played();
    const backup = stage.keepLedger();
    change(stage.world, 'u5', { name: 'Renamed after the backup' });
    expectOk(await stage.sync());
    const before = await tables(stage);
    stage.restoreLedger(backup);
    await expectNothingNew(stage, before);
  });

  test('an older warehouse, restored from a backup, gets the changes since, each once', async () => {
    const stage = await played();
    const bringBack = await (await stage.engine.warehouse).backup();
    change(stage.world, 'u5', { name: 'Renamed after the backup' });
    change(stage.world, 'u6', {}, 'gone');
    expectOk(await stage.sync());
    const rows = await stage.query(TIMELESS);
    await bringBack();
    expect(await stage.sync()).toMatchObject({ outcome: 'ok', counts: { updated: 1, deleted: 1, inserted: 0 } });
    expect(await stage.query(TIMELESS)).toEqual(rows);
    expect(await stage.ops('u5')).toEqual(['insert', 'update']);
    expect(await stage.ops('u6')).toEqual(['insert', 'delete']);
  });

  test.each([
    ['emptied', 'delete from users'],
    ['dropped', 'drop table users'],
  ])(
    'a users table that was %s is refilled with its first_seen_at and tombstones, without log rows',
    async (_, sql) => {
      const stage = await played();
      const before = await tables(stage);
      await stage.engine.tamper(sql);
      const run = await stage.sync();
      expectOk(run);
      expect(run.counts).toMatchObject({ inserted: 0, updated: 0, deleted: 0, restored: 0 });
      expect(await tables(stage)).toEqual(before);
      expect((await stage.sync()).counts.statements).toBe(0);
    },
  );

  test.each([
    ['emptied', 'delete from'],
    ['dropped', 'drop table'],
  ])('roles, teams and rejected records that were %s are filled again by the next run, once', async (_, sql) => {
    const stage = await played();
    change(stage.world, 'u4', { name: ['no text'] });
    expectOk(await stage.sync());
    const beside = ['roles', 'teams', 'rejected_records'];
    const rows = () =>
      Promise.all(
        beside.map((table) => stage.query(`select * exclude (${TIMES[table] ?? 'connection'}) from ${table}`)),
      );
    const before = await rows();
    expect(before.map((found) => found.length)).toEqual([2, 1, 1]);
    await stage.engine.tamper(...beside.map((table) => `${sql} ${table}`));
    expectOk(await stage.sync());
    expect(await rows()).toEqual(before);
    expect((await stage.sync()).counts.statements).toBe(0);
  });

  test('what changed while the users table was empty is logged as the change that it is', async () => {
    const stage = await played();
    await stage.engine.tamper('delete from users');
    change(stage.world, 'u4', { name: 'Renamed meanwhile' });
    expect((await stage.sync()).counts).toMatchObject({ inserted: 0, updated: 1 });
    expect(await stage.ops('u4')).toEqual(['insert', 'update']);
  });

  test('a users table of two connections that was emptied is refilled for both', async () => {
    const stage = await played();
    const other = makeStage({ users: 5, warehouse: stage.engine.warehouse, settings: { name: 'staff' } });
    expectOk(await other.sync());
    await stage.engine.tamper('delete from users');
    expectOk(await stage.sync());
    // Rows that are there again may hide those that are not, until something changes and the books are compared.
    if (!(await stage.engine.warehouse).tellsApart) change(other.world, 'u1', { name: 'Renamed' });
    expectOk(await other.sync());
    const rows = await stage.query('select connection, count(*) as n from users group by all order by all');
    expect(rows).toEqual([
      { connection: 'crew', n: 20 },
      { connection: 'staff', n: 5 },
    ]);
  });

  test('a warehouse that is gone is made anew, whole', async () => {
    const stage = await played();
    await (await stage.engine.warehouse).lose();
    expect(await stage.sync()).toMatchObject({ outcome: 'ok', counts: { inserted: 18, seen: 18 } });
    expect(await stage.live()).toEqual(idsOf(stage.world));
    expect(await stage.query('select name from roles order by name')).toEqual([{ name: 'Admin' }, { name: 'Agent' }]);
    expect((await stage.sync()).counts.statements).toBe(0);
  });

  test('a lost state row is made anew, and numbers go on after the log although a removal was the last of it', async () => {
    const stage = makeStage({ deletes: { mode: 'hard' } });
    expectOk(await stage.sync());
    change(stage.world, 'u2', {}, 'gone');
    expectOk(await stage.sync());
    await stage.engine.tamper('delete from rollcall_state');
    change(stage.world, 'u2', {}, 'listed');
    expect((await stage.sync()).counts).toMatchObject({ inserted: 1, unchanged: 11 });
    const log = await stage.query("select op, seq from user_changes where user_id = 'u2' order by recorded_at");
    expect(log.map(({ op }) => op)).toEqual(['insert', 'delete', 'insert']);
    const seqs = log.map(({ seq }) => Number(seq));
    expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
  });

  test('a ledger of a newer program is refused and left as it is', async () => {
    const stage = await played();
    const db = new BetterSqlite3(ledger(stage));
    db.pragma('user_version = 999');
    db.close();
    await expect(stage.run()).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringMatching(/newer Rollcall/),
    });
    const again = new BetterSqlite3(ledger(stage), { readonly: true });
    expect(again.pragma('user_version', { simple: true })).toBe(999);
    expect(again.prepare('select count(*) from users').pluck().get()).toBe(20);
    again.close();
  });

  test('rows of a newer recipe are refused and left as they are', async () => {
    const stage = await played();
    const before = await tables(stage);
    const older = { settings: { source: stage.source({ version: 0 }) } };
    const run = await stage.sync(older);
    expect(run).toMatchObject({
      outcome: 'failed',
      error: { kind: 'config', message: expect.stringMatching(/newer Rollcall/) },
    });
    expect(await tables(stage)).toEqual(before);
    stage.loseLedger();
    expect(await stage.sync(older)).toMatchObject({ outcome: 'failed', error: { kind: 'config' } });
  });

  test('a credential of another account is refused, on this host and on a new one', async () => {
    const stage = await played();
    const before = await tables(stage);
    const wrong = await stage.sync({ account: 'globex' });
    expect(wrong).toMatchObject({ outcome: 'failed', error: { kind: 'config' } });
    expect(wrong.error?.message).toMatch(/globex.*acme.*state reset crew/s);
    stage.loseLedger();
    expect(await stage.sync({ account: 'globex' })).toMatchObject({ outcome: 'failed', error: { kind: 'config' } });
    expect(await tables(stage)).toEqual(before);
    await expectNothingNew(stage, before);
  });

  test.each(['before transact', 'after transact', 'before rebuild', 'after rebuild'])(
    'a rebuild killed %s is done by the next run',
    async (point) => {
      const stage = await played();
      const before = await tables(stage);
      stage.loseLedger();
      expect(await stage.run({ plan: { point, nth: 1, does: 'kill' } })).toMatchObject({ run: null });
      await expectNothingNew(stage, before);
    },
  );

  test('times go on growing although the ledger is lost and the clock was set back', async () => {
    const stage = await played();
    stage.loseLedger();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 40 * 86_400_000 });
    await stage.run({ plan: { point: 'after transact', nth: 1, does: 'kill' } });
    change(stage.world, 'u1', { name: 'Renamed in the past' });
    expectOk(await stage.sync());
    const log = await stage.query(
      "select seq, recorded_at from user_changes where user_id = 'u1' order by recorded_at",
    );
    const seqs = log.map(({ seq }) => Number(seq));
    expect(seqs).toHaveLength(3);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  });
});
