// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectOneLine } from '../support/cli.ts';
import { first, identHome, jitsudoHome, pylonHome } from '../support/writing.ts';

const plain = (user: { name?: string | null }): boolean => typeof user.name === 'string' && user.name.length > 3;

describe('a plan', () => {
  test('shows old and new, writes nothing and leaves neither ledger nor warehouse behind', async () => {
    const home = await pylonHome();
    const user = first(home.api.world.users().filter((one) => one.role?.slug === 'member' && one.status === 'active'));
    const { code, lines } = await home.write('users', 'update', 'crew', user.id, '--set', 'role=admin', 'status=away');
    expect({ code, lines }).toEqual({
      code: 0,
      lines: [
        {
          connection: 'crew',
          user_id: user.id,
          op: 'update',
          changes: { role: ['member', 'admin'], status: ['active', 'away'] },
          outcome: 'planned',
        },
      ],
    });
    expect(home.writes()).toEqual([]);
    const left = ['data/warehouse.duckdb', 'data/state/crew.ledger', 'data/state/crew.writes'];
    expect(left.filter((name) => existsSync(join(home.folder, name)))).toEqual([]);
  });

  test('names the user for a person and says how to go on', async () => {
    const home = await pylonHome();
    const user = first(home.api.world.users().filter((one) => plain(one) && one.role?.slug === 'member'));
    const { stdout } = await home.run('users', 'update', 'crew', user.id, '--set', 'role=admin');
    expect(stdout).toBe(
      `planned    update ${user.id} (${user.name})  role: member → admin\ncrew: 1 planned; nothing was written. Add --yes to do it\n`,
    );
  });

  test('of what is so already is unchanged, and nothing is sent', async () => {
    const home = await pylonHome();
    const user = first(home.api.world.users().filter((one) => one.status === 'active'));
    const { code, lines } = await home.write('users', 'update', 'crew', user.id, '--set', 'status=active', '--yes');
    expect({ code, outcome: first(lines).outcome, writes: home.writes() }).toEqual({
      code: 0,
      outcome: 'unchanged',
      writes: [],
    });
  });
});

describe('refused with exit 3 although --yes was given, and nothing is written:', () => {
  const refusals = [
    ['an unknown role', 'role=wizard', /there is no role "wizard"; there are .*admin/],
    ['an unknown value', 'status=asleep', /there is no "asleep"; it is one of active, away, out_of_office/],
    ['an unknown field', 'shoe_size=43', /pylon has no field shoe_size .* role, role_id, status/],
    ['adding to what is no list', 'role+=admin', /only a list can be added to/],
  ] as const;
  test.each(refusals)('%s', async (_what, set, message) => {
    const home = await pylonHome();
    const user = first(home.api.world.users());
    const { code, lines } = await home.write('users', 'update', 'crew', user.id, '--set', set, '--yes');
    expect(code).toBe(3);
    expect(first(lines)).toMatchObject({ user_id: user.id, outcome: 'refused', error: { kind: 'refused' } });
    expect(first(lines).error?.message).toMatch(message);
    expect(home.writes()).toEqual([]);
  });

  test('an unknown user', async () => {
    const home = await pylonHome();
    const { code, lines } = await home.write('users', 'update', 'crew', 'nobody', '--set', 'status=away', '--yes');
    expect({ code, line: first(lines) }).toMatchObject({
      code: 3,
      line: { outcome: 'refused', error: { message: 'there is no user nobody' } },
    });
  });

  test('an id that the API does not take for one, and nobody else for it', async () => {
    const home = await jitsudoHome();
    const { id } = first(home.api.world.users());
    const answer = { kind: 'status', status: 400, code: 'bad_request', message: 'invalid uuid' } as const;
    home.api.faults.add({ when: ({ path }) => path.endsWith('/no-uuid'), answer });
    const file = home.file(
      'rows.csv',
      `op,user_id,active\nupdate,${id},false\nupdate,no-uuid,false\nupdate,..,false\n`,
    );
    const { code, lines } = await home.write('apply', 'crew', file, '--yes');
    expect({ code, outcomes: lines.map((line) => line.outcome), sent: home.writes() }).toEqual({
      code: 3,
      outcomes: ['planned', 'refused', 'refused'],
      sent: [],
    });
    expect(lines[1]?.error?.message).toContain('invalid uuid');
  });

  test('one bad row of many', async () => {
    const home = await pylonHome();
    const [a, b] = home.api.world.users();
    const file = home.file('rows.csv', `op,user_id,status\nupdate,${a?.id},away\nupdate,${b?.id},asleep\n`);
    const { code, lines } = await home.write('apply', 'crew', file, '--yes');
    expect({ code, outcomes: lines.map((line) => line.outcome) }).toEqual({
      code: 3,
      outcomes: [a?.status === 'away' ? 'unchanged' : 'planned', 'refused'],
    });
    expect(lines[1]?.error?.message).toMatch(/^line 3: status: /);
    expect(home.writes()).toEqual([]);
  });

  test('two rows about one user', async () => {
    const home = await pylonHome();
    const { id } = first(home.api.world.users());
    const file = home.file('rows.csv', `op,user_id,status\nupdate,${id},away\nupdate,${id},active\n`);
    const { code, lines } = await home.write('apply', 'crew', file, '--yes');
    expect({ code, message: lines[1]?.error?.message }).toEqual({
      code: 3,
      message: 'line 3: line 2 is about the same user; write one row for each',
    });
  });

  test('the name of a user whom an identity provider owns', async () => {
    const home = await jitsudoHome();
    const user = first(home.api.world.users().filter((one) => one.auth_provider === 'oidc'));
    const { code, lines } = await home.write('users', 'update', 'crew', user.id, '--set', 'name=Kai', '--yes');
    expect({ code, message: first(lines).error?.message }).toEqual({
      code: 3,
      message: 'name: it belongs to the identity provider (oidc); change it there',
    });
  });
});

describe('wrong usage ends with exit 2 in one line:', () => {
  test('an operation that the system lacks', async () => {
    const home = await pylonHome();
    const { code, stderr, stdout } = await home.run('users', 'create', 'crew', '--set', 'role=admin', '--yes');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('pylon has no operation to create users');
    expectOneLine(stderr);
  });

  test('the same in a file, with its line', async () => {
    const home = await pylonHome();
    const file = home.file('rows.csv', 'op,user_id,status\nupdate,a,away\ndelete,b,\n');
    const { code, stderr } = await home.run('apply', 'crew', file, '--yes');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'rollcall: crew: line 3: pylon has no operation to delete users; it can update them\n',
    });
  });

  test.each([
    ['a password on the command line', ['users', 'create', 'crew', '--set', 'email=a@b.test', 'password=hunter22']],
    ['--set without a value', ['users', 'update', 'crew', 'x', '--set', 'email']],
    ['an update of nothing', ['users', 'update', 'crew', 'x']],
    ['an empty id', ['users', 'delete', 'crew', ' ', '--yes']],
    ['a reference to no variable', ['users', 'create', 'crew', '--set', 'email=a@b.test', 'password=${NOWHERE}']],
    ['neither file nor plan', ['apply', 'crew']],
    ['file and plan', ['apply', 'crew', 'a.csv', '--from-plan', 'p.json']],
    ['a file that is not there', ['apply', 'crew', 'a.csv']],
    ['a file of another kind', ['apply', 'crew', 'a.xlsx']],
    ['a plan that is not there', ['apply', 'crew', '--from-plan', 'p.json', '--yes']],
  ])('%s', async (_what, args) => {
    const home = await identHome();
    const { code, stderr, stdout } = await home.run(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expectOneLine(stderr);
    expect(stderr).not.toContain('hunter22');
    expect(home.writes()).toEqual([]);
  });

  test('a password in a file, which is not shown', async () => {
    const home = await identHome();
    const file = home.file('rows.csv', 'op,user_id,email,password\ncreate,,a@b.test,hunter22\n');
    const { code, stderr } = await home.run('apply', 'crew', file, '--yes');
    expect(code).toBe(2);
    expect(stderr).toMatch(/line 2: password: is a secret and must not stand here; write a reference/);
    expect(stderr).not.toContain('hunter22');
  });

  test('a credential of another account', async () => {
    const home = await pylonHome();
    await home.sync();
    const other = await pylonHome(5, [], 77);
    const config = home.read('rollcall.yaml').replace(home.api.url, other.api.url);
    home.file('rollcall.yaml', config);
    home.file('.env', `SECRET=${other.api.token}\n`);
    const user = first(other.api.world.users());
    const { code, stderr } = await home.run('users', 'update', 'crew', user.id, '--set', 'status=away', '--yes');
    expect(code).toBe(2);
    expect(stderr).toMatch(/the credential belongs to account .* nothing is written/);
    expect(other.writes()).toEqual([]);
  });
});

describe('a user whose record is odd', () => {
  test('is told as what the API answered, not as a bug', async () => {
    const home = await pylonHome();
    const { id } = first(home.api.world.users());
    const body = JSON.stringify({ data: { id, name: { first: 'Ada' } }, request_id: '1' });
    home.api.faults.add({ when: { path: '/users/{id}' }, answer: { kind: 'body', body } });
    const { code, stderr } = await home.run('users', 'get', 'crew', id);
    expect(code).toBe(1);
    expect(stderr).toContain('crew: the API answered with something unexpected: name: expected a text, got an object');
  });
});
