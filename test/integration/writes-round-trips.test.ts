// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { describe, expect, test } from 'vitest';
import { expectNoSecret } from '../support/cli.ts';
import { bluebricksHome, first, identHome, jitsudoHome, NEW_PASSWORD, pylonHome } from '../support/writing.ts';

const LOGGED =
  'select user_id, op, changes, outcome, response_status, error, actor, requested_at <= answered_at as in_order from user_writes';

describe('Pylon', () => {
  test('role and status are set, and the tables show it at once', async () => {
    const home = await pylonHome();
    await home.sync();
    const user = first(home.api.world.users().filter((one) => one.role?.slug === 'member' && one.status === 'active'));
    const set = ['--set', 'role=admin', '--set', 'status=away'];
    const { code, lines } = await home.write('users', 'update', 'crew', user.id, ...set, '--yes');
    const changes = { role: ['member', 'admin'], status: ['active', 'away'] };
    expect({ code, line: first(lines) }).toMatchObject({ code: 0, line: { outcome: 'applied', changes } });
    expect(home.api.world.find(user.id)).toMatchObject({ role: { slug: 'admin' }, status: 'away' });
    const row = `select roles[1].slug as role, availability, active from users where user_id = '${user.id}'`;
    expect(await home.rows(row.replace('roles[1].slug', "json_extract_string(roles, '$[0].slug')"))).toEqual([
      { role: 'admin', availability: 'away', active: true },
    ]);
    expect(await home.rows("select user_id, changed_fields from user_changes where op = 'update'")).toEqual([
      { user_id: user.id, changed_fields: ['roles', 'availability'] },
    ]);
    expect(await home.rows(LOGGED)).toMatchObject([
      {
        user_id: user.id,
        op: 'update',
        changes,
        outcome: 'applied',
        response_status: 200,
        error: null,
        in_order: true,
      },
    ]);
    expect(home.writes()).toEqual([`PATCH /users/${user.id} 200`]);
  });

  test('a connection that was never synced gets the tables, and its first sync finds the rest', async () => {
    const home = await pylonHome();
    const user = first(home.api.world.users());
    const set = user.status === 'away' ? 'status=active' : 'status=away';
    expect((await home.write('users', 'update', 'crew', user.id, '--set', set, '--yes')).code).toBe(0);
    expect(await home.rows('select user_id from users')).toEqual([{ user_id: user.id }]);
    expect((await home.sync()).code).toBe(0);
    expect(await home.rows('select count(*) as n from users')).toEqual([{ n: 20 }]);
  });
});

describe('Ident', () => {
  test('a user is created with a password that is stored nowhere', async () => {
    const home = await identHome();
    await home.sync();
    const set = ['--set', 'email=New@Acme.test', 'first_name=Neo', 'password=${NEW_PASSWORD}'];
    const written = await home.write('users', 'create', 'crew', ...set, '--yes');
    const line = first(written.lines);
    expect({ code: written.code, line }).toMatchObject({
      code: 0,
      line: { op: 'create', outcome: 'applied', changes: { email: [null, 'New@Acme.test'], password: [null, '***'] } },
    });
    expect(home.api.world.find(line.user_id ?? '')).toMatchObject({ email: 'New@Acme.test', first_name: 'Neo' });
    // As a later scan has it, not with the nine digits of the answer.
    const created = home.api.world.find(line.user_id ?? '')?.created_at;
    expect(await home.rows("select email, created_at from users where email = 'new@acme.test'")).toHaveLength(1);
    expect((await home.sync()).code).toBe(0);
    expect(await home.rows(`select op from user_changes where user_id = '${line.user_id}'`)).toEqual([
      { op: 'insert' },
    ]);
    expect(created).toMatch(/\.123456Z$/);
    const place = { config: `${home.folder}/rollcall.yaml`, folder: home.folder };
    expectNoSecret(place, NEW_PASSWORD, [written]);
  });

  test('a password comes in on stdin', async () => {
    const home = await identHome();
    const user = first(home.api.world.users());
    const args = ['users', 'update', 'crew', user.id, '--set', 'last_name=Smith', 'password=-', '--yes', '--json'];
    const running = home.start(args);
    running.child.stdin?.end('from-a-pipe-1\n');
    const { code, stdout } = await running.ended;
    expect({ code, line: JSON.parse(stdout) }).toMatchObject({
      code: 0,
      line: { outcome: 'applied', changes: { last_name: [user.last_name, 'Smith'], password: [null, '***'] } },
    });
    expectNoSecret({ config: `${home.folder}/rollcall.yaml`, folder: home.folder }, 'from-a-pipe-1', []);
  });

  test('409 and 422 are shown for their row, and the others are written', async () => {
    const home = await identHome();
    const taken = first(home.api.world.users()).email;
    const rows = [`create,,${taken},Neo`, 'create,,nobody@acme.test,', 'create,,new@acme.test,Trinity'];
    const file = home.file('rows.csv', `op,user_id,email,first_name\n${rows.join('\n')}\n`);
    const { code, lines } = await home.write('apply', 'crew', file, '--yes');
    expect({ code, outcomes: lines.map((line) => line.outcome) }).toEqual({
      code: 1,
      outcomes: ['failed', 'failed', 'applied'],
    });
    expect(lines[0]?.error?.message).toMatch(/answered 409: user exists/);
    expect(lines[1]?.error?.message).toMatch(/answered 422: first_name is required/);
    expect(await home.rows('select outcome, response_status from user_writes order by requested_at')).toEqual([
      { outcome: 'failed', response_status: 409 },
      { outcome: 'failed', response_status: 422 },
      { outcome: 'applied', response_status: 201 },
    ]);
  });

  test('a change never makes a second user, and a deletion leaves a tombstone', async () => {
    const home = await identHome();
    await home.sync();
    const user = first(home.api.world.users());
    const set = ['--set', 'first_name=Ann', 'email=ann@acme.test'];
    expect((await home.write('users', 'update', 'crew', user.id, ...set, '--yes')).code).toBe(0);
    expect(home.api.world.users()).toHaveLength(10);
    const { code, lines } = await home.write('users', 'delete', 'crew', user.id, '--yes');
    expect({ code, changes: first(lines).changes }).toEqual({
      code: 0,
      changes: { email: ['ann@acme.test', null], name: [`Ann ${user.last_name}`, null] },
    });
    expect(await home.rows(`select deleted_at is null as live from users where user_id = '${user.id}'`)).toEqual([
      { live: false },
    ]);
  });

  test('a token that may not look users up makes one, and the next syncs bring him and go on', async () => {
    const home = await identHome();
    await home.sync();
    home.api.faults.add({
      when: ({ method, path }) => method === 'GET' && path.includes('/users/'),
      answer: { kind: 'status', status: 403, message: 'forbidden' },
      times: Number.POSITIVE_INFINITY,
    });
    const set = ['--set', 'email=neo@acme.test', 'first_name=Neo', '--yes'];
    const { code, lines, stderr } = await home.write('users', 'create', 'crew', ...set);
    expect({ code, outcome: first(lines).outcome }).toEqual({ code: 1, outcome: 'applied' });
    expect(stderr).toContain('cannot be looked up, so that only the next scan shows them');
    expect([(await home.sync()).code, (await home.sync()).code]).toEqual([0, 0]);
    expect(await home.rows('select count(*) as n from current_users')).toEqual([{ n: 11 }]);
  });

  test('whoever was the last user leaves a tombstone, though nobody is left as a control', async () => {
    const home = await identHome(1);
    await home.sync();
    const { id } = first(home.api.world.users());
    expect((await home.write('users', 'delete', 'crew', id, '--yes')).code).toBe(0);
    expect(await home.rows('select deleted_at is null as live from users')).toEqual([{ live: false }]);
    expect((await home.sync()).code).toBe(0);
  });

  test('a ban ends the apply', async () => {
    const home = await identHome();
    const rows = home.api.world.users().map((user) => `update,${user.id},Ann`);
    home.api.faults.add({ when: { method: 'PUT', nth: 2 }, answer: { kind: 'status', status: 429 }, times: 9 });
    const file = home.file('rows.csv', `op,user_id,first_name\n${rows.join('\n')}\n`);
    const { code, lines, stderr } = await home.write('apply', 'crew', file, '--yes');
    expect({ code, outcomes: lines.map((line) => line.outcome).slice(0, 4), puts: home.writes().length }).toEqual({
      code: 1,
      outcomes: ['applied', 'failed', 'planned', 'planned'],
      puts: 2,
    });
    expect(stderr).toMatch(/the rest was not written: .*banned/);
  });
});

describe('Bluebricks', () => {
  test('roles are added to and replaced, by name or by id', async () => {
    const home = await bluebricksHome();
    await home.sync();
    const user = first(home.api.world.members().filter((one) => one.id.includes('|') && one.roles?.length === 1));
    const update = (set: string) => home.write('users', 'update', 'crew', user.id, '--set', set, '--yes');
    expect(first((await update('roles+=Admin')).lines)).toMatchObject({
      outcome: 'applied',
      changes: { roles: [['Deployer'], ['Deployer', 'Admin']] },
    });
    expect(first((await update('roles=rol_viewer,rol_admin')).lines)).toMatchObject({
      outcome: 'applied',
      changes: {
        roles: [
          ['rol_deployer', 'rol_admin'],
          ['rol_viewer', 'rol_admin'],
        ],
      },
    });
    expect(first((await update('roles=Admin,Viewer')).lines).outcome).toBe('unchanged');
    expect(home.api.world.find(user.id)?.roles?.map(({ name }) => name)).toEqual(['Viewer', 'Admin']);
    const roles = await home.rows(`select role_name from user_roles where user_id = '${user.id}' order by 1`);
    expect(roles).toEqual([{ role_name: 'Admin' }, { role_name: 'Viewer' }]);
  });

  test('a list in NDJSON is an array, in CSV a cell in quotes', async () => {
    const home = await bluebricksHome();
    const [a, b] = home.api.world.members().filter((one) => one.roles?.length === 1);
    const csv = home.file('rows.csv', `\ufeffop,user_id,roles+\nupdate,${a?.id},"Admin, Viewer"\n`);
    const ndjson = home.file(
      'rows.ndjson',
      `${JSON.stringify({ op: 'update', user_id: b?.id, roles: ['Admin', 'Viewer'] })}\n`,
    );
    expect(first((await home.write('apply', 'crew', csv, '--yes')).lines).changes).toEqual({
      roles: [['Deployer'], ['Deployer', 'Admin', 'Viewer']],
    });
    expect(first((await home.write('apply', 'crew', ndjson, '--yes')).lines).changes).toEqual({
      roles: [['Deployer'], ['Admin', 'Viewer']],
    });
  });

  test('a key without the scope fails its row and says which right it lacks', async () => {
    const home = await bluebricksHome();
    home.file('.env', `SECRET=${home.api.tokenWithout('update:users')}\n`);
    const user = first(home.api.world.members());
    const { code, lines } = await home.write('users', 'update', 'crew', user.id, '--set', 'roles=Viewer', '--yes');
    expect({ code, line: first(lines) }).toMatchObject({
      code: 1,
      line: { outcome: 'failed', error: { kind: 'permission' } },
    });
    expect(first(lines).error?.message).toContain('Missing scope: update:users');
  });
});

describe('JITSudo', () => {
  test('name, roles and suspension of a user are written in two requests, each logged', async () => {
    const home = await jitsudoHome();
    await home.sync();
    const user = first(home.api.world.users().filter((one) => one.auth_provider === 'local' && one.active));
    const set = ['--set', 'name=Kai New', 'roles+=auditor', 'active=false'];
    const { code, lines } = await home.write('users', 'update', 'crew', user.id, ...set, '--yes');
    expect({ code, line: first(lines) }).toMatchObject({
      code: 0,
      line: { outcome: 'applied', changes: { name: [user.name, 'Kai New'], active: [true, false] } },
    });
    expect(home.writes()).toEqual([`PUT /v1/users/${user.id} 200`, `POST /v1/users/${user.id}/suspend 200`]);
    expect(await home.rows(`select name, active from users where user_id = '${user.id}'`)).toEqual([
      { name: 'Kai New', active: false },
    ]);
    expect(await home.rows('select json_keys(changes) as fields from user_writes order by requested_at')).toEqual([
      { fields: ['name', 'roles'] },
      { fields: ['active'] },
    ]);
  });

  test('a role that the server does not know fails its row with the words of the server', async () => {
    const home = await jitsudoHome();
    const user = first(home.api.world.users());
    const { code, lines } = await home.write('users', 'update', 'crew', user.id, '--set', 'roles=emperor', '--yes');
    expect({ code, outcome: first(lines).outcome }).toEqual({ code: 1, outcome: 'failed' });
    expect(first(lines).error?.message).toContain('invalid role: emperor');
  });

  test('users are reactivated and deleted from one file', async () => {
    const home = await jitsudoHome();
    await home.sync();
    const [a, b] = home.api.world.users();
    home.api.world.change(a?.id ?? '', { active: false });
    const file = home.file('rows.csv', `op,user_id,active\nupdate,${a?.id},true\ndelete,${b?.id},\n`);
    const { code, lines } = await home.write('apply', 'crew', file, '--yes');
    expect({ code, outcomes: lines.map((line) => line.outcome) }).toEqual({
      code: 0,
      outcomes: ['applied', 'applied'],
    });
    expect(home.api.world.find(a?.id ?? '')?.active).toBe(true);
    expect(home.api.world.find(b?.id ?? '')).toBeUndefined();
    expect(await home.rows('select count(*) as n from current_users')).toEqual([{ n: 19 }]);
    const again = await home.write('apply', 'crew', file, '--yes');
    expect({
      code: again.code,
      outcomes: again.lines.map((line) => line.outcome),
      writes: home.writes().length,
    }).toEqual({
      code: 0,
      outcomes: ['unchanged', 'unchanged'],
      writes: 2,
    });
  });
});
