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
