import { describe, expect, test } from 'vitest';
import type { PylonApi } from '../../src/demo/pylon/server.ts';
import { makeWorld } from '../../src/demo/pylon/world.ts';
import { expectTable, json, makeHome, type Row } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

/** Some users of the API, by their places in the listing. */
function users(api: PylonApi, count: number) {
  const found = api.world.users().slice(0, count);
  if (found.length < count) throw new Error('the world is too small');
  return found.map((user) => user.id);
}

describe('a user who is no longer listed', () => {
  test('and whom the API says it does not know is marked as deleted and logged once', async () => {
    const api = await start({ users: 60, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    const [gone = ''] = users(api, 1);
    api.world.remove(gone);
    const run = await home.sync();
    expect(run).toMatchObject({ code: 0, outcome: 'ok', seen: 59, deleted: 1, updated: 0 });
    await expectTable(home);
    expect(await home.rows(`select deleted_at is not null as gone from users where user_id = '${gone}'`)).toEqual([
      { gone: true },
    ]);
    expect(await home.rows(`select op, run_id from user_changes where user_id = '${gone}' order by seq desc`)).toEqual([
      { op: 'delete', run_id: run.run_id },
      { op: 'insert', run_id: expect.any(String) },
    ]);
    expect(await home.rows(`select 1 as one from current_users where user_id = '${gone}'`)).toEqual([]);
    expect(await home.sync()).toMatchObject({ code: 0, deleted: 0, batches: 0, statements: 0 });
  });

  test('and comes back is restored and logged once', async () => {
    const api = await start({ users: 60, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    const user = api.world.users()[4];
    if (user === undefined) throw new Error('the world is too small');
    api.world.remove(user.id);
    await home.sync();
    api.world.add({ ...user, name: 'Back Again' });
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', restored: 1, inserted: 0, updated: 0 });
    await expectTable(home);
    const log = await home.rows(`select op from user_changes where user_id = '${user.id}' order by seq`);
    expect(log.map(({ op }) => op)).toEqual(['insert', 'delete', 'restore']);
  });

  test('but found by id is kept with active false, and active again once he is listed', async () => {
    const api = await start({ users: 60, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    const [off = ''] = users(api, 1);
    api.world.deactivate(off);
    const run = await home.sync();
    expect(run).toMatchObject({ code: 0, outcome: 'ok', seen: 59, updated: 1, deleted: 0, kept: { inactive: 1 } });
    await expectTable(home, api.world.users('all'));
    expect(await home.sync()).toMatchObject({ code: 0, updated: 0, batches: 0, statements: 0 });
    api.world.reactivate(off);
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', seen: 60, updated: 1, deleted: 0 });
    await expectTable(home);
    const log = await home.rows(
      `select op, active, changed_fields from user_changes where user_id = '${off}' order by seq`,
    );
    expect(log.map(({ op, active }) => [op, active])).toEqual([
      ['insert', true],
      ['update', false],
      ['update', true],
    ]);
    expect(log[1]?.changed_fields).toEqual(['active']);
  });

  test('and may not be looked up is kept with a warning', async () => {
    const api = await start({ users: 60, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    const [gone = ''] = users(api, 1);
    const before = api.world.users();
    api.world.remove(gone);
    api.faults.add({
      when: { path: '/users/{id}' },
      answer: { kind: 'status', status: 403 },
      times: Number.POSITIVE_INFINITY,
    });
    const run = await home.sync();
    expect(run).toMatchObject({ code: 0, outcome: 'ok', deleted: 0, kept: { unproven: 1 } });
    expect(run.warnings?.join()).toMatch(/1 user is no longer listed.*kept/);
    await expectTable(home, before);
  });
});

describe('a guard', () => {
  test('refuses a scan that misses too many, and --allow-deletes lifts it once', async () => {
    const api = await start({ users: 60, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    const before = api.world.users();
    for (const id of users(api, 20)) api.world.remove(id);
    const refused = await home.sync();
    expect(refused).toMatchObject({
      code: 3,
      outcome: 'refused',
      deleted: 0,
      error: { kind: 'refused', retryable: false },
    });
    expect(refused.error?.message).toMatch(/20 of the 60 .*--allow-deletes/);
    await expectTable(home, before);
    expect(await home.sync('--allow-deletes')).toMatchObject({ code: 0, outcome: 'ok', deleted: 20 });
    await expectTable(home);
  });

  test('refuses an empty listing', async () => {
    const api = await start({ users: 8, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    const before = api.world.users();
    for (const { id } of before) api.world.remove(id);
    expect(await home.sync()).toMatchObject({ code: 3, outcome: 'refused', seen: 0, deleted: 0 });
    await expectTable(home, before);
  });

  test('believes no 404 of a server that does not find a listed user either', async () => {
    const api = await start({ users: 60, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    const before = api.world.users();
    api.world.remove(users(api, 1)[0] ?? '');
    api.faults.add({
      when: { path: '/users/{id}' },
      answer: { kind: 'status', status: 404 },
      times: Number.POSITIVE_INFINITY,
    });
    expect(await home.sync()).toMatchObject({ code: 3, outcome: 'refused', deleted: 0 });
    await expectTable(home, before);
    api.faults.clear();
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', deleted: 1 });
    await expectTable(home);
  });

  test('refuses a credential of another account, and leaves its rows alone', async () => {
    const api = await start({ users: 20, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    const stranger = makeWorld(1, 99).organization;
    const body = JSON.stringify({ data: stranger, request_id: 'r' });
    api.faults.add({ when: { path: '/me' }, answer: { kind: 'body', body }, times: Number.POSITIVE_INFINITY });
    const run = await home.sync();
    expect(run).toMatchObject({ code: 2, outcome: 'failed', error: { kind: 'config', retryable: false } });
    expect(run.error?.message).toContain(stranger.id);
    expect(run.error?.message).toContain(api.world.organization.id);
    expect(run.error?.message).toContain('rollcall state reset support');
    await expectTable(home);
  });
});

describe('include_deactivated', () => {
  test('stores those whom only the second listing has with active false', async () => {
    const api = await start({ users: 60, seed: 3 });
    const off = users(api, 5);
    for (const id of off) api.world.deactivate(id);
    const home = makeHome(api, ['include_deactivated: true']);
    const run = await home.sync();
    expect(run).toMatchObject({ code: 0, outcome: 'ok', seen: 60, inserted: 60, rejected: 0 });
    await expectTable(home, api.world.users('all'));
    expect(await home.rows('select active, count(*) as n from users group by active order by active')).toEqual([
      { active: false, n: 5 },
      { active: true, n: 55 },
    ]);
    expect(await home.sync()).toMatchObject({ code: 0, unchanged: 60, batches: 0, statements: 0 });

    api.world.reactivate(off[0] ?? '');
    api.world.remove(off[1] ?? '');
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', seen: 59, updated: 1, deleted: 1 });
    await expectTable(home, api.world.users('all'));
    const [status] = json<Row[]>((await home.run(['status', '--json'])).stdout);
    expect(status).toMatchObject({ users: 59, open_scan: null, trouble: null });
  });
});
