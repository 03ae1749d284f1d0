import { describe, expect, test } from 'vitest';
import { change, expectOk, idsOf, makeStage, type Stage, TIMELESS } from '../support/stage.ts';

const LIVE = 'select count(*) as n, count(distinct user_id) as users from users where deleted_at is null';

async function loaded(): Promise<Stage> {
  const stage = makeStage();
  expectOk(await stage.sync());
  change(stage.world, 'u3', { name: 'Renamed' });
  expectOk(await stage.sync());
  return stage;
}

describe('users that got rows which Rollcall did not load', () => {
  test.each([
    ['by a run without changes', () => undefined],
    ['by a run with a change', (stage: Stage) => change(stage.world, 'u9', { name: 'Renamed too' })],
  ])('of users who have one already are left one each, %s, and nothing is logged', async (_, alter) => {
    const stage = await loaded();
    const [rows] = [await stage.query(TIMELESS)];
    await stage.engine.tamper("insert into users select * from users where user_id in ('u1', 'u3', 'u4')");
    alter(stage);
    const run = await stage.sync();
    expectOk(run);
    expect(run.warnings.join()).toMatch(/3 rows of users who have one already/);
    expect(await stage.query(LIVE)).toEqual([{ n: 12, users: 12 }]);
    expect(await stage.query(`${TIMELESS.replace('order by', "where user_id <> 'u9' order by")}`)).toEqual(
      rows.filter(({ user_id }) => user_id !== 'u9'),
    );
    expect(await stage.ops('u1')).toEqual(['insert']);
    expect(await stage.query('select distinct seq >= 0 as sound from users')).toEqual([{ sound: true }]);
    expect(await stage.sync()).toMatchObject({ outcome: 'ok', warnings: [] });
    expect((await stage.sync()).counts.statements).toBe(0);
  });

  test('keep the row that was written last', async () => {
    const stage = await loaded();
    await stage.engine.tamper(
      "insert into users select * replace (0 as seq, 'An old one' as name) from users where user_id = 'u3'",
    );
    expectOk(await stage.sync());
    expect(await stage.query("select name from users where user_id = 'u3'")).toEqual([{ name: 'Renamed' }]);
  });

  test('leave the rows of other connections alone', async () => {
    const stage = await loaded();
    await stage.engine.tamper(
      "insert into users select * replace ('staff' as connection) from users where user_id = 'u1'",
      "insert into users select * from users where connection = 'staff'",
    );
    const run = await stage.sync();
    expect(run).toMatchObject({ outcome: 'ok', warnings: [], counts: { statements: 0 } });
    expect(await stage.query("select count(*) as n from users where connection = 'staff'")).toEqual([{ n: 2 }]);
  });

  test('of somebody whom the source does not know are looked up and marked as gone', async () => {
    const stage = await loaded();
    await stage.engine.tamper(
      "insert into users select * replace ('alien' as user_id) from users where user_id = 'u1'",
    );
    expectOk(await stage.sync());
    expect(await stage.live()).toEqual(idsOf(stage.world));
  });

  test('a removal that is killed is done by the next run', async () => {
    const stage = await loaded();
    await stage.engine.tamper('insert into users select * from users');
    await stage.run({ plan: { point: 'after transact', nth: 1, does: 'kill' } });
    expectOk(await stage.sync());
    expect(await stage.query(LIVE)).toEqual([{ n: 12, users: 12 }]);
  });
});

const VIEWS = ['current_users', 'user_history', 'user_roles', 'people', 'roster_users'];

/** Expects the next run to find everything as it should be. */
async function expectQuiet(stage: Stage): Promise<void> {
  expect(await stage.sync()).toMatchObject({ outcome: 'ok', warnings: [], counts: { statements: 0 } });
}

describe('what was dropped or emptied beside the rows of users', () => {
  test.each(VIEWS)('the view %s is made again by a run without changes', async (view) => {
    const stage = await loaded();
    const rows = await stage.query(`select * from ${view} order by all`);
    await stage.engine.tamper(`drop view ${view}`);
    const run = await stage.sync();
    expectOk(run);
    expect(run.warnings.join()).toContain(view);
    expect(await stage.query(`select * from ${view} order by all`)).toEqual(rows);
    await expectQuiet(stage);
  });

  test.each(['availability', 'roles', 'raw', 'active', 'run_id'])(
    'the column users.%s is made again and filled for every connection, without log rows',
    async (column) => {
      const stage = await loaded();
      const other = makeStage({ users: 5, warehouse: stage.engine.warehouse, settings: { name: 'staff' } });
      expectOk(await other.sync());
      const kept = 'connection, user_id, email, name, roles, active, raw, first_seen_at, changed_at';
      const all = () => stage.query(`select ${kept} from users order by all`);
      const before = await all();
      await stage.engine.tamper(`drop view current_users`, `alter table users drop column ${column}`);
      for (const each of [stage, other]) {
        const run = await each.sync();
        expectOk(run);
        expect(run.counts).toMatchObject({ inserted: 0, updated: 0, deleted: 0 });
      }
      expect(await all()).toEqual(before);
      expect(await stage.query('select count(*) as n from user_changes')).toEqual([{ n: 18 }]);
      expect(await stage.query('select count(*) as n from current_users where run_id is not null')).toEqual([
        { n: 17 },
      ]);
      await expectQuiet(stage);
      await expectQuiet(other);
    },
  );

  test.each(['seq', 'fingerprint', 'first_seen_at', 'deleted_at', 'user_id', 'connection'])(
    'the column users.%s comes back with the rows of the log',
    async (column) => {
      const stage = await loaded();
      const all = () => stage.query('select * exclude (run_id) from users order by user_id');
      const before = await all();
      await stage.engine.tamper(`alter table users drop column ${column}`);
      expectOk(await stage.sync());
      expect((await all()).map((row) => row.user_id)).toEqual(before.map((row) => row.user_id));
      const times =
        'select user_id, seq, first_seen_at, deleted_at, fingerprint is null as bare from users order by user_id';
      expect(await stage.query(times)).toEqual(
        before.map(({ user_id, seq, first_seen_at, deleted_at }) => ({
          user_id,
          seq,
          first_seen_at,
          deleted_at,
          bare: false,
        })),
      );
      await expectQuiet(stage);
    },
  );

  test.each([
    'users.availability',
    'user_changes.op',
    'sync_runs.kind',
    'rollcall_state.epoch',
    'roles.name',
    'teams.users',
  ])('a changed run after %s was dropped ends ok', async (name) => {
    const stage = await loaded();
    const [table = '', column = ''] = name.split('.');
    await stage.engine.tamper(`alter table ${table} drop column ${column}`);
    change(stage.world, 'u7', { name: 'Renamed' });
    const run = await stage.sync();
    expectOk(run);
    expect(run.warnings.join()).toContain(name);
    expect(await stage.query("select name from users where user_id = 'u7'")).toEqual([{ name: 'Renamed' }]);
    await expectQuiet(stage);
  });

  test.each([
    ['emptied', 'delete from'],
    ['dropped', 'drop table'],
  ])('a change log that was %s is said to be lost, once', async (_, sql) => {
    const stage = await loaded();
    await stage.engine.tamper(`${sql} user_changes`);
    const run = await stage.sync();
    expectOk(run);
    expect(run.warnings.join()).toMatch(/user_changes.*history was lost/);
    await expectQuiet(stage);
    change(stage.world, 'u3', { name: 'Renamed again' });
    expect(await stage.sync()).toMatchObject({ outcome: 'ok', warnings: [], counts: { updated: 1 } });
    await expectQuiet(stage);
    await stage.engine.tamper('delete from user_changes');
    expect((await stage.sync()).warnings.join()).toMatch(/history was lost/);
  });

  test.each([
    ['emptied', 'delete from'],
    ['dropped', 'drop table'],
  ])('rows of sync_runs that were %s are sent again from the ledger', async (_, sql) => {
    const stage = await loaded();
    const all = () => stage.query('select * from sync_runs order by started_at');
    const before = await all();
    expect(before).toHaveLength(2);
    await stage.engine.tamper(`${sql} sync_runs`);
    expectOk(await stage.sync());
    expect((await all()).slice(0, 2)).toEqual(before);
    expect(await all()).toHaveLength(3);
    await expectQuiet(stage);
  });

  test('of a run that is killed between the columns and the rows, the next one finishes what it began', async () => {
    const stage = await loaded();
    const before = await stage.query(TIMELESS);
    await stage.engine.tamper('alter table users drop column name');
    expect(await stage.run({ plan: { point: 'after run', nth: 1, does: 'kill' } })).toMatchObject({ run: null });
    expectOk(await stage.sync());
    expect(await stage.query(TIMELESS)).toEqual(before);
  });
});
