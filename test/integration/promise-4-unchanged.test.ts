import { describe, expect, test } from 'vitest';
import { change, expectOk, makeStage, type Stage, TIMELESS } from '../support/stage.ts';

const everything = (stage: Stage) =>
  Promise.all(
    ['users', 'user_changes', 'roles', 'teams'].map((table) => stage.query(`select * from ${table} order by all`)),
  );

const logged = async (stage: Stage): Promise<unknown> =>
  (await stage.query('select count(*) as n from user_changes'))[0]?.n;

describe('promise 4: unchanged users cost nothing in the warehouse', () => {
  test('an unchanged run sends no statement, changes no row, and has a row in sync_runs', async () => {
    const stage = makeStage();
    await stage.sync();
    const before = await everything(stage);
    const run = await stage.sync();
    expect(run).toMatchObject({ outcome: 'ok', counts: { statements: 0, batches: 0, unchanged: 12, seen: 12 } });
    expect(await everything(stage)).toEqual(before);
    await stage.sendRuns();
    const all = await stage.query('select run_id, outcome, unchanged, statements from sync_runs order by started_at');
    const runs = all.slice(0, 2);
    expect(runs).toHaveLength(2);
    expect(runs[1]).toEqual({ run_id: run.run_id, outcome: 'ok', unchanged: 12, statements: 0 });
  });

  test('records that were refused before, users kept and users gone cost nothing either', async () => {
    const stage = makeStage({ users: 20 });
    change(stage.world, 'u1', { name: ['no text'] });
    change(stage.world, 'u2', { created_at: 'nonsense' });
    await stage.sync();
    change(stage.world, 'u3', {}, 'off');
    change(stage.world, 'u4', {}, 'gone');
    stage.world.hidden.add('u5');
    await stage.sync();
    const run = await stage.sync();
    expect(run).toMatchObject({
      outcome: 'ok',
      counts: { statements: 0, batches: 0 },
      kept: { unproven: 1, inactive: 1 },
    });
  });

  test('one changed user of many is the only row written', async () => {
    const stage = makeStage({ users: 40 });
    await stage.sync();
    change(stage.world, 'u7', { name: 'Renamed' });
    const run = await stage.sync();
    expect(run.counts).toMatchObject({ updated: 1, unchanged: 39, batches: 1 });
    const written = await stage.query(`select user_id from users where run_id = '${run.run_id}'`);
    expect(written).toEqual([{ user_id: 'u7' }]);
  });

  test('a listing in another order is no change', async () => {
    const stage = makeStage({ users: 20 });
    await stage.sync();
    stage.world.order.reverse();
    expect((await stage.sync()).counts).toMatchObject({ statements: 0, unchanged: 20 });
  });

  test('a new mapping sends every row once, without rows in the log', async () => {
    const stage = makeStage();
    await stage.sync();
    const newer = { settings: { source: stage.source({ version: 2 }) } };
    const run = await stage.sync(newer);
    expect(run.counts).toMatchObject({ updated: 0, inserted: 0, unchanged: 12, batches: 1 });
    expect(await stage.query(`select count(*) as n from users where run_id = '${run.run_id}'`)).toEqual([{ n: 12 }]);
    expect(await logged(stage)).toBe(12);
    expect((await stage.sync(newer)).counts).toMatchObject({ statements: 0, unchanged: 12 });
  });

  test('new column rules send every row once, without rows in the log', async () => {
    const stage = makeStage();
    await stage.sync();
    const before = await stage.query('select user_id, changed_at from users order by user_id');
    const ruled = { settings: { columns: { exclude: ['secret'], hash: [] } } };
    const run = await stage.sync(ruled);
    expect(await stage.query("select count(*) as n from users where raw ->> 'secret' is not null")).toEqual([{ n: 0 }]);
    expect((await stage.sync(ruled)).counts).toMatchObject({ statements: 0, unchanged: 12 });
    expect({ logged: await logged(stage), updated: run.counts.updated }).toEqual({ logged: 12, updated: 0 });
    expect(await stage.query('select user_id, changed_at from users order by user_id')).toEqual(before);
  });

  test('a backfill writes every row again, keeps first_seen_at and changed_at, and logs nothing', async () => {
    const stage = makeStage();
    await stage.sync();
    const kept = 'select user_id, first_seen_at, changed_at from users order by user_id';
    const [rows, times] = [await stage.query(TIMELESS), await stage.query(kept)];
    const run = await stage.sync({ request: { kind: 'backfill' } });
    expect(run.counts).toMatchObject({ updated: 0, unchanged: 12, batches: 1 });
    expect(await stage.query(`select count(*) as n from users where run_id = '${run.run_id}'`)).toEqual([{ n: 12 }]);
    expect(await logged(stage)).toBe(12);
    expect(await stage.query(TIMELESS)).toEqual(rows);
    expect(await stage.query(kept)).toEqual(times);
  });

  test('A, B, A over three pages of one scan is no change', async () => {
    const stage = makeStage();
    await stage.sync();
    const [, second = ''] = stage.world.order;
    const was = stage.world.people.get(second)?.record ?? {};
    stage.world.order.splice(5, 0, second);
    stage.world.order.splice(10, 0, second);
    let pages = 0;
    const run = await stage.sync({
      asked: () => {
        pages += 1;
        change(stage.world, second, { name: pages === 2 ? 'B' : (was.name ?? null) });
      },
    });
    expectOk(run);
    expect(run.counts).toMatchObject({ updated: 0, unchanged: 12 });
    expect(await stage.ops(second)).toEqual(['insert']);
  });

  test('a user whom every listing has twice, with different content, costs nothing once he is loaded', async () => {
    const stage = makeStage();
    const [, second = ''] = stage.world.order;
    stage.world.order.splice(10, 0, second);
    let pages = 0;
    const takingTurns = {
      asked: () => {
        pages += 1;
        change(stage.world, second, { name: pages % 2 === 1 ? 'In the first page' : 'In a later one' });
      },
    };
    for (let runs = 0; runs < 2; runs += 1) {
      pages = 0;
      expectOk(await stage.sync(takingTurns));
    }
    pages = 0;
    const { counts } = await stage.sync(takingTurns);
    expect(counts).toMatchObject({ batches: 0, statements: 0, updated: 0, unchanged: 12 });
  });
});
