import { describe, expect, test } from 'vitest';
import { change, expectOk, idsOf, makeStage } from '../support/stage.ts';

describe('promise 1: after a run that ends ok the live rows are the listed users and those kept on purpose', () => {
  test('every listed user has one live row', async () => {
    const stage = makeStage({ users: 23 });
    const run = await stage.sync();
    expectOk(run);
    expect(await stage.live()).toEqual(idsOf(stage.world));
    expect(run.counts).toMatchObject({ seen: 23, inserted: 23, unchanged: 0, pages: 6 });
    expect(run.kept).toEqual({ unproven: 0, inactive: 0 });
  });

  test('a user who is on two pages has one row, which is as the later page had him', async () => {
    const stage = makeStage();
    const second = stage.world.order[1] ?? '';
    stage.world.order.splice(9, 0, second);
    let pages = 0;
    const run = await stage.sync({
      asked: () => {
        pages += 1;
        if (pages === 3) change(stage.world, second, { name: 'As the later page has him' });
      },
    });
    expectOk(run);
    expect(run.counts).toMatchObject({ seen: 12, inserted: 12 });
    const rows = await stage.query(`select name from users where user_id = '${second}'`);
    expect(rows).toEqual([{ name: 'As the later page has him' }]);
    expect(await stage.ops(second)).toEqual(['insert']);
  });

  test('users who are kept are live rows too, and the report says how many and why', async () => {
    const stage = makeStage();
    await stage.sync();
    change(stage.world, 'u2', {}, 'off');
    stage.world.hidden.add('u5').add('u6');
    const run = await stage.sync();
    expectOk(run);
    expect(run.kept).toEqual({ unproven: 2, inactive: 1 });
    expect(run.counts).toMatchObject({ seen: 9, unchanged: 9, updated: 1, deleted: 0 });
    expect(await stage.live()).toHaveLength(9 + 3);
    expect(await stage.query("select active from users where user_id = 'u2'")).toEqual([{ active: false }]);
  });

  test('who left is no longer live, and who is back is', async () => {
    const stage = makeStage();
    await stage.sync();
    change(stage.world, 'u4', {}, 'gone');
    expect((await stage.sync()).counts).toMatchObject({ seen: 11, deleted: 1, unchanged: 11 });
    expect(await stage.live()).toEqual(idsOf(stage.world));
    change(stage.world, 'u4', { name: 'Back again' }, 'listed');
    expect((await stage.sync()).counts).toMatchObject({ seen: 12, restored: 1, unchanged: 11 });
    expect(await stage.live()).toEqual(idsOf(stage.world));
    expect(await stage.ops('u4')).toEqual(['insert', 'delete', 'restore']);
  });

  test('the tables of a first sync are all there, roles and teams with their rows', async () => {
    const stage = makeStage();
    await stage.sync();
    expect(await stage.query('select role_id, name, source from roles order by role_id')).toEqual([
      { role_id: 'r1', name: 'Admin', source: 'roster' },
      { role_id: 'r2', name: 'Agent', source: 'roster' },
    ]);
    expect(await stage.query('select team_id, name, users from teams')).toEqual([
      { team_id: 't1', name: 'Crew', users: [{ id: 'u1' }] },
    ]);
    const writes = 'write_id, connection, user_id, op, changes, outcome, requested_at, answered_at, actor';
    expect(await stage.query(`select ${writes}, response_status, error from user_writes`)).toEqual([]);
  });

  test('a renamed role is in the roles and in every user who has it', async () => {
    const stage = makeStage();
    await stage.sync();
    const held = [...stage.world.people.values()].filter(({ record }) => record.role_id === 'r1');
    stage.world.roles.set('r1', 'Owner');
    expect((await stage.sync()).counts).toMatchObject({ updated: held.length, unchanged: 12 - held.length });
    expect(await stage.query("select name from roles where role_id = 'r1'")).toEqual([{ name: 'Owner' }]);
    const named = await stage.query("select distinct user_id from user_roles where role_name = 'Owner'");
    expect(named).toHaveLength(held.length);
  });
});
