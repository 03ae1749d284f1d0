import { describe, expect, test } from 'vitest';
import { expectTable, json, makeHome, type Row } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

const RUN_KEYS = ['connection', 'run_id', 'kind', 'outcome', 'pages', 'requests', 'seen', 'inserted', 'updated'].concat(
  ['unchanged', 'deleted', 'restored', 'rejected', 'batches', 'statements', 'retries', 'waited_ms', 'duration_ms'],
);

describe('rollcall sync', () => {
  test('loads everybody first and then writes nothing while nothing changes', async () => {
    const api = await start({ users: 640, seed: 11 });
    const home = makeHome(api);

    const first = await home.sync();
    expect(first).toMatchObject({ code: 0, outcome: 'ok', kind: 'sync', connection: 'support', batches: 1 });
    expect(first).toMatchObject({ pages: 1, seen: 640, inserted: 640 - first.rejected, updated: 0, unchanged: 0 });
    expect(first.requests).toBe(api.log.length);
    expect(first.statements).toBeGreaterThan(0);

    const second = await home.sync();
    expect(second).toMatchObject({ code: 0, outcome: 'ok', pages: 1, seen: 640, unchanged: 640 - first.rejected });
    expect(second).toMatchObject({ inserted: 0, updated: 0, deleted: 0, restored: 0, batches: 0, statements: 0 });
    expect(second.requests).toBe(api.log.length - first.requests);

    const runs = await home.rows(
      'select run_id, outcome, seen, inserted, batches, statements from sync_runs order by started_at',
    );
    expect(runs).toEqual(
      [first, second].map(({ run_id, outcome, seen, inserted, batches, statements }) => ({
        ...{ run_id, outcome, seen, inserted, batches, statements },
      })),
    );
  });

  test('prints one object a run, with the fields of the contract in their order', async () => {
    const home = makeHome(await start({ users: 3 }));
    const { stdout } = await home.run(['sync', '--json']);
    expect(stdout.split('\n')).toHaveLength(2);
    expect(Object.keys(json<Row>(stdout))).toEqual(RUN_KEYS);
    expect(await home.run(['sync', '--json']).then((ended) => Object.keys(json<Row>(ended.stdout)))).toEqual(RUN_KEYS);
  });

  test('holds every user as the API served him, or says why not', async () => {
    const api = await start({ users: 700, seed: 5 });
    const home = makeHome(api);
    const { rejected, inserted } = await home.sync();
    expect(rejected + inserted).toBe(700);
    const refused = await home.rows('select user_id, reason from rejected_records');
    expect(refused).toHaveLength(rejected);
    for (const { reason } of refused) expect(reason).toMatch(/\w{3,}/);
    const gone = new Set(refused.map((row) => row.user_id));
    await expectTable(
      home,
      api.world.users().filter((user) => !gone.has(user.id)),
    );
  });

  test('stores a name that begins with a byte order mark as it was served', async () => {
    const api = await start({ users: 1 });
    const home = makeHome(api);
    const user = api.world.add({ name: '\ufeffAda' });
    await home.sync();
    // The driver of DuckDB drops the mark when it hands a text out, so that its number is asked for.
    const sql = `select unicode(name) as first, length(name) as units from users where user_id = '${user.id}'`;
    const { stdout } = await home.run(['query', '--json', sql]);
    expect(json<Row[]>(stdout)).toEqual([{ first: 0xfeff, units: 4 }]);
  });

  test('keeps roles, all addresses and the signed picture', async () => {
    const api = await start({ users: 640, seed: 11 });
    const home = makeHome(api);
    await home.sync();
    const rows = await home.rows('select user_id, emails, roles, avatar_url from users');
    const users = new Map(api.world.users().map((user) => [user.id, user]));
    for (const { user_id, emails, roles, avatar_url } of rows) {
      const user = users.get(String(user_id));
      expect(emails).toEqual(user?.emails ?? []);
      const known = api.world.roles().find(({ id }) => id === user?.role_id);
      const byId =
        known ?? (user?.role_id == null || user.role_id === '' ? null : { id: user.role_id, name: null, slug: null });
      const role = user?.role ?? byId;
      expect(roles).toEqual(role === null ? [] : [role]);
      expect(avatar_url === null ? '' : String(avatar_url).split('?')[0]).toBe(user?.avatar_url?.split('?')[0] ?? '');
    }
  });
});

describe('a second sync', () => {
  test('writes the changed users only and logs each change once, with its fields', async () => {
    const api = await start({ users: 300, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    const [renamed, promoted, moved, emailed] = api.world.users();
    const admin = api.world.roles()[0];
    if (!(renamed && promoted && moved && emailed && admin)) throw new Error('the world is too small');
    const other = api.world.roles().find(({ id }) => id !== promoted.role_id) ?? admin;
    api.world.rename(renamed.id, 'Robin Renamed');
    api.world.changeRole(promoted.id, other.id);
    api.world.change(moved.id, { status: moved.status === 'away' ? 'active' : 'away' });
    api.world.change(emailed.id, { email: 'New.Address@Acme.test', emails: ['New.Address@Acme.test'] });
    const added = api.world.add({ name: 'Nadia New' });

    const run = await home.sync();
    expect(run).toMatchObject({ outcome: 'ok', seen: 301, inserted: 1, updated: 4, deleted: 0, batches: 1 });
    expect(run.unchanged).toBe(301 - 5 - run.rejected);
    const log = await home.rows(
      `select user_id, op, changed_fields, seq from user_changes where run_id = '${run.run_id}'`,
    );
    const byUser = new Map(log.map(({ user_id, op, changed_fields }) => [user_id, { op, changed_fields }]));
    expect(log).toHaveLength(5);
    expect(byUser).toEqual(
      new Map([
        [renamed.id, { op: 'update', changed_fields: ['name'] }],
        [promoted.id, { op: 'update', changed_fields: ['roles'] }],
        [moved.id, { op: 'update', changed_fields: ['availability'] }],
        [emailed.id, { op: 'update', changed_fields: ['email', 'emails'] }],
        [added.id, { op: 'insert', changed_fields: [] }],
      ]),
    );
    const [written] = await home.rows(`select count(*) as n from users where run_id = '${run.run_id}'`);
    expect(written).toEqual({ n: 5 });
    await expectTable(home);
  });

  test('follows a renamed role into every user who has it', async () => {
    const api = await start({ users: 120, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    const role = api.world.roles()[0];
    if (role === undefined) throw new Error('the world has no roles');
    const held = api.world.users().filter((user) => user.role_id === role.id);
    api.world.renameRole(role.id, 'Chief');
    const run = await home.sync();
    expect(run.updated).toBe(held.length);
    expect(await home.rows("select count(distinct user_id) as n from user_roles where role_name = 'Chief'")).toEqual([
      { n: held.length },
    ]);
  });
});
