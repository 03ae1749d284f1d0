import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { PylonApi } from '../../src/demo/pylon/server.ts';
import type { Peer } from '../peers/snowflake/state.ts';
import {
  emptyFolder,
  expectNoSecret,
  expectTable,
  filesOf,
  type Home,
  json,
  type Row,
  synced,
  until,
} from '../support/cli.ts';
import { start } from '../support/pylon.ts';
import { LOADER, peerOf } from '../support/snowflake.ts';
import { snowflakeHome } from '../support/snowflake-home.ts';

let api: PylonApi;
let peer: Peer;
let home: Home;

beforeEach(async () => {
  api = await start({ users: 40 });
  peer = await peerOf({ schema: false });
  home = snowflakeHome(api, peer);
});

const sqlsSince = (since: number): string[] => peer.log.slice(since).map(({ sql }) => sql);

describe('users who are written to', () => {
  test('are in the tables and in user_writes at once, and the next sync finds nothing new', async () => {
    await home.sync();
    const id = api.world.users().find(({ status }) => status === 'active')?.id ?? '';
    const wrote = await home.run(['users', 'update', 'support', id, '--set', 'status=away', '--yes', '--json']);
    expect({ code: wrote.code, line: json(wrote.stdout) }).toMatchObject({ code: 0, line: { outcome: 'applied' } });
    expect(await home.rows(`select availability from users where user_id = '${id}'`)).toEqual([
      { availability: 'away' },
    ]);
    expect(await home.rows('select user_id, op, changes, outcome, response_status from user_writes')).toEqual([
      { user_id: id, op: 'update', changes: { status: ['active', 'away'] }, outcome: 'applied', response_status: 200 },
    ]);
    expect(await home.sync()).toMatchObject({ code: 0, updated: 0, unchanged: 40, statements: 0 });
    expect(await home.rows("select count(*) as n from user_changes where op = 'update'")).toEqual([{ n: 1 }]);
  });
});

describe('a sync', () => {
  test('makes the schema, loads everybody, and then what changed', async () => {
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', inserted: 40 });
    await expectTable(home);
    api.world.add({ name: 'Nadia New' });
    const [first] = api.world.users();
    if (first !== undefined) api.world.change(first.id, { name: 'Another Name' });
    expect(await home.sync()).toMatchObject({ code: 0, inserted: 1, updated: 1, unchanged: 39 });
    await expectTable(home);
    expect(await home.rows('select op, count(*) as n from user_changes group by op order by op')).toEqual([
      { op: 'insert', n: 41 },
      { op: 'update', n: 1 },
    ]);
  });

  test('without changes looks at metadata and wakes no virtual warehouse', async () => {
    await home.sync();
    const since = peer.log.length;
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', unchanged: 40, statements: 0, batches: 0 });
    expect(sqlsSince(since)).toEqual(['SHOW TABLES IN SCHEMA "ANALYTICS"."ROLLCALL"']);
    await home.sync();
    api.world.add({ name: 'Nadia New' });
    await home.sync();
    // The rows of the runs without changes came with the next batch.
    expect(await home.rows('select outcome, count(*) as n from sync_runs group by outcome')).toEqual([
      { outcome: 'ok', n: 4 },
    ]);
  });

  test('logs in once, logs out at its end, and reports what it used', async () => {
    const run = await home.sync();
    expect([peer.counted.logins, peer.counted.logouts, peer.sessions()]).toEqual([1, 1, 0]);
    expect(run).toMatchObject({ usage: { bytes_billed: 0, slot_ms: 0, jobs: expect.any(Array) } });
    const [row] = await home.rows('select usage from sync_runs');
    expect(row?.usage).toMatchObject({ bytes: expect.any(Number), rows: expect.any(Number) });
  });

  test('ends by itself also where the account keeps sessions alive', async () => {
    const insisting = await peerOf({ keepsAlive: true });
    const ended = await snowflakeHome(api, insisting).run(['sync', '--json']);
    expect(synced(ended)).toMatchObject({ code: 0, outcome: 'ok', inserted: 40 });
    expect([insisting.counted.logouts, insisting.sessions()]).toEqual([1, 0]);
  });

  test('says nothing but its own words, and writes nowhere but into the state folder', async () => {
    const temporary = emptyFolder();
    const ended = await home.run(['sync', '--json'], { env: { TMPDIR: temporary } });
    expect(synced(ended)).toMatchObject({ code: 0 });
    for (const line of ended.stderr.trim().split('\n')) expect(json<Row>(line).level).toBe('info');
    // Node's own cache of compiled modules, which every command uses.
    expect(readdirSync(temporary).filter((name) => name !== 'node-compile-cache')).toEqual([]);
    const outside = filesOf(home.folder).filter((file) => !file.startsWith(home.state));
    expect(outside.toSorted()).toEqual([join(home.folder, '.env'), home.config].toSorted());
    expect(filesOf(join(home.state, 'snowflake'))).toEqual([]);
    expect(peer.counted.telemetry).toBe(0);
    expectNoSecret(home, LOADER.password, [ended]);
  });
});

test('a column that somebody dropped is made again and filled by the run after the one that met it', async () => {
  await home.sync();
  const values = 'select user_id, availability from users order by user_id';
  const before = await home.rows(values);
  await peer.run('ALTER TABLE "ANALYTICS"."ROLLCALL"."USERS" DROP COLUMN "AVAILABILITY"');
  expect(await home.sync()).toMatchObject({ code: 0, unchanged: 40, statements: 0 });
  api.world.add({ name: 'Nadia New' });
  const [first] = api.world.users();
  if (first !== undefined) api.world.change(first.id, { name: 'Another Name' });
  expect((await home.sync()).error?.message).toMatch(/somebody may have dropped a column: run again/i);
  expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', inserted: 1 });
  expect((await home.rows(values)).filter(({ user_id }) => before.some((row) => row.user_id === user_id))).toEqual(
    before,
  );
  await expectTable(home);
  expect(await home.sync()).toMatchObject({ code: 0, statements: 0 });
});

describe('a process that is killed', () => {
  const killAt = async (when: RegExp, kind: 'mute' | 'silence'): Promise<void> => {
    const since = peer.log.length;
    peer.faults.add({ when, trouble: { kind } });
    const running = home.start(['sync', '--json']);
    await until(() => peer.log.slice(since).some(({ sql }) => when.test(sql)), `the statement ${when} was sent`);
    running.child.kill('SIGKILL');
    await running.ended;
  };

  test.each([
    ['after its COMMIT, before it heard of it', /^COMMIT/, 'mute'],
    ['before its COMMIT', /^COMMIT/, 'silence'],
    ['between its log and its rows', /^merge/i, 'silence'],
    ['after its COPY', /^COPY/, 'mute'],
    ['while it uploads', /^PUT/, 'mute'],
  ] as const)('%s costs nothing', async (_what, when, kind) => {
    await home.sync();
    api.world.add({ name: 'Nadia New' });
    const [first] = api.world.users();
    if (first !== undefined) api.world.change(first.id, { name: 'Another Name' });
    await killAt(when, kind);
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok' });
    await expectTable(home);
    const logged = 'select op, count(*) as n from user_changes where seq > 1 group by op order by op';
    expect(await home.rows(logged)).toEqual([
      { op: 'insert', n: 1 },
      { op: 'update', n: 1 },
    ]);
    // Its compressed file, which holds users, is gone as well.
    expect(filesOf(join(home.state, 'snowflake'))).toEqual([]);
  });
});

describe('two hosts', () => {
  test('that take turns make their ledgers anew from the rows, and lose nothing', async () => {
    await home.sync();
    const other = snowflakeHome(api, peer);
    expect(await other.sync()).toMatchObject({ code: 0, inserted: 0, unchanged: 40 });
    api.world.add({ name: 'Nadia New' });
    // That another host has it shows where something is to be written; until then metadata look the same.
    const back = await home.sync();
    expect(back).toMatchObject({ code: 0, outcome: 'ok', inserted: 1 });
    expect(back.stderr).toMatch(/rebuilding the ledger from the warehouse: another ledger took the connection over/);
    // The batch that met the fence left nothing behind.
    expect([...peer.account.made.keys()].filter((name) => name.includes('STAGE_'))).toEqual([]);
    await expectTable(home);
    expect(await other.sync()).toMatchObject({ code: 0, outcome: 'ok', inserted: 0 });
    expect(await home.rows("select count(*) as n from user_changes where op = 'insert'")).toEqual([{ n: 41 }]);
  });

  test('at the same time spoil nothing', async () => {
    const other = snowflakeHome(api, peer);
    const ended = await Promise.all([home.sync(), other.sync()]);
    expect(ended.map(({ outcome }) => outcome)).toContain('ok');
    expect(await home.sync()).toMatchObject({ outcome: expect.any(String) });
    const last = await home.sync();
    expect(last).toMatchObject({ code: 0, outcome: 'ok' });
    await expectTable(home);
    expect(await home.rows("select count(*) as n from user_changes where op = 'insert'")).toEqual([{ n: 40 }]);
  });
});

describe('a query', () => {
  beforeEach(() => home.sync());

  test('has names in lower case, times with Z, JSON parsed and large integers as text', async () => {
    const sql = `select user_id, roles, first_seen_at, seq, 9007199254740993 as big, 1.5 as half, active from users limit 1`;
    const { code, stdout } = await home.run(['query', sql, '--json']);
    expect(code).toBe(0);
    expect(json<Row[]>(stdout)).toEqual([
      {
        user_id: expect.any(String),
        roles: [{ id: expect.any(String), name: expect.any(String), slug: expect.any(String) }],
        first_seen_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
        seq: 1,
        big: '9007199254740993',
        half: 1.5,
        active: true,
      },
    ]);
  });

  test('that would change something is refused', async () => {
    for (const sql of ['delete from users', 'drop table users', 'select 1 ->> truncate table users']) {
      expect(await home.run(['query', sql])).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/does more than read/),
      });
    }
    await expectTable(home);
  });

  test('that is wrong says so in Snowflake’s words', async () => {
    expect(await home.run(['query', 'select * from no_such_table'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/NO_SUCH_TABLE' does not exist or not authorized/),
    });
  });
});
