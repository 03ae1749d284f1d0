// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectNoSecret, expectOneLine, filesOf, json } from '../support/cli.ts';
import { first, identHome, jitsudoHome, NEW_PASSWORD, onWrite, pylonHome } from '../support/writing.ts';

describe('a saved plan', () => {
  test('is made with the file, readable by its owner alone, and applied without it', async () => {
    const home = await pylonHome();
    const users = home.api.world.users().slice(0, 5);
    const rows = users.map(({ id, status }) => `update,${id},${status === 'away' ? 'active' : 'away'}`);
    const file = home.file('rows.csv', `op,user_id,status\n${rows.join('\n')}\n`);
    const planned = await home.write('apply', 'crew', file, '--plan', 'plan.json');
    expect({ code: planned.code, outcomes: planned.lines.map((line) => line.outcome), sent: home.writes() }).toEqual({
      code: 0,
      outcomes: users.map(() => 'planned'),
      sent: [],
    });
    expect(statSync(join(home.folder, 'plan.json')).mode & 0o777).toBe(0o600);
    home.file('rows.csv', 'something else');
    const applied = await home.write('apply', 'crew', '--from-plan', 'plan.json', '--yes');
    expect({ code: applied.code, lines: applied.lines.map(({ outcome, changes }) => ({ outcome, changes })) }).toEqual({
      code: 0,
      lines: planned.lines.map(({ changes }) => ({ outcome: 'applied', changes })),
    });
    const again = await home.write('apply', 'crew', '--from-plan', 'plan.json', '--yes');
    expect({ code: again.code, outcomes: again.lines.map((line) => line.outcome), sent: home.writes().length }).toEqual(
      {
        code: 0,
        outcomes: users.map(() => 'unchanged'),
        sent: 5,
      },
    );
  });

  test('refuses a user who changed since alone, with exit 3, and writes the others', async () => {
    const home = await pylonHome();
    const [a, b, c] = home.api.world.users().filter((one) => one.status === 'active' && one.role?.slug === 'member');
    const ids = [a, b, c].map((user) => user?.id ?? '');
    const file = home.file('rows.csv', `op,user_id,role\n${ids.map((id) => `update,${id},admin`).join('\n')}\n`);
    await home.write('apply', 'crew', file, '--plan', 'plan.json');
    const viewer = home.api.world.addRole('Viewer', 'viewer');
    home.api.world.changeRole(ids[1] ?? '', viewer.id);
    // Presence is another field: it comes and goes and is nobody's plan.
    home.api.world.change(ids[2] ?? '', { status: 'away' });
    const { code, lines } = await home.write('apply', 'crew', '--from-plan', 'plan.json', '--yes');
    expect({ code, outcomes: lines.map((line) => line.outcome) }).toEqual({
      code: 3,
      outcomes: ['applied', 'refused', 'applied'],
    });
    expect(lines[1]).toMatchObject({
      changes: { role: ['viewer', 'admin'] },
      error: { kind: 'refused', message: expect.stringMatching(/^line 3: changed since the plan was made: role;/) },
    });
    expect(home.api.world.find(ids[1] ?? '')?.role?.slug).toBe('viewer');
  });

  test('holds a user against the plan just before he is written, not only when it begins', async () => {
    const home = await pylonHome();
    const [a, b] = home.api.world.users().filter((one) => one.status === 'active');
    const file = home.file('rows.csv', `op,user_id,status\nupdate,${a?.id},away\nupdate,${b?.id},away\n`);
    await home.write('apply', 'crew', file, '--plan', 'plan.json');
    home.api.faults.add({
      when: ({ method }) => {
        if (method === 'PATCH') home.api.world.change(b?.id ?? '', { status: 'out_of_office' });
        return false;
      },
      answer: { kind: 'reset' },
    });
    const { code, lines } = await home.write('apply', 'crew', '--from-plan', 'plan.json', '--yes');
    expect({ code, outcomes: lines.map((line) => line.outcome) }).toEqual({
      code: 3,
      outcomes: ['applied', 'refused'],
    });
  });

  test('without --yes it shows what it would do now and writes nothing', async () => {
    const home = await jitsudoHome();
    const [a, b] = home.api.world.users();
    const file = home.file('rows.csv', `op,user_id,active\nupdate,${a?.id},${!a?.active}\ndelete,${b?.id},\n`);
    await home.write('apply', 'crew', file, '--plan', 'plan.json');
    home.api.world.change(b?.id ?? '', { name: 'Somebody Else' });
    const { code, lines } = await home.write('apply', 'crew', '--from-plan', 'plan.json');
    expect({ code, outcomes: lines.map((line) => line.outcome), sent: home.writes() }).toEqual({
      code: 3,
      outcomes: ['planned', 'refused'],
      sent: [],
    });
    expect(lines[1]?.error?.message).toMatch(/changed since the plan was made: name/);
  });

  test('is not written when a row of it is refused, nor over a file that is something else', async () => {
    const home = await pylonHome();
    const file = home.file('rows.csv', 'op,user_id,status\nupdate,nobody,away\n');
    expect((await home.run('apply', 'crew', file, '--plan', 'plan.json')).code).toBe(3);
    expect(filesOf(home.folder).filter((name) => name.endsWith('plan.json'))).toEqual([]);
    const over = await home.run('apply', 'crew', file, '--plan', file);
    expect({ code: over.code, left: home.read(file) }).toEqual({
      code: 2,
      left: 'op,user_id,status\nupdate,nobody,away\n',
    });
    expectOneLine(over.stderr);
  });

  test('holds the reference to a password and never the password', async () => {
    const home = await identHome();
    const { id } = first(home.api.world.users());
    const file = home.file('rows.csv', `op,user_id,first_name,password\nupdate,${id},Ann,\${NEW_PASSWORD}\n`);
    const planned = await home.write('apply', 'crew', file, '--plan', 'plan.json');
    expect(first(planned.lines).changes.password).toEqual([null, '***']);
    expect(home.read('plan.json')).toContain('${NEW_PASSWORD}');
    const applied = await home.write('apply', 'crew', '--from-plan', 'plan.json', '--yes', '--verbose');
    expect({ code: applied.code, outcome: first(applied.lines).outcome }).toEqual({ code: 0, outcome: 'applied' });
    expectNoSecret({ config: join(home.folder, 'rollcall.yaml'), folder: home.folder }, NEW_PASSWORD, [
      planned,
      applied,
    ]);
  });

  test.each([
    ['no JSON', 'hello', /is not a plan: it is no JSON/],
    ['no plan', '{"rows":[]}', /is not a plan that this Rollcall wrote/],
    ['newer', '{"rollcall_plan":2,"users":[]}', /was written by a newer Rollcall/],
  ])('that is %s is refused with exit 2', async (_what, text, message) => {
    const home = await pylonHome();
    const file = home.file('plan.json', text);
    const { code, stderr } = await home.run('apply', 'crew', '--from-plan', file, '--yes');
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  test('that was edited is refused where it would do something else than it shows', async () => {
    const home = await pylonHome();
    const [a, b] = home.api.world.users().filter((one) => one.status === 'active');
    const file = home.file('rows.csv', `op,user_id,status\nupdate,${a?.id},away\nupdate,${b?.id},away\n`);
    await home.write('apply', 'crew', file, '--plan', 'plan.json');
    home.file('plan.json', home.read('plan.json').replace('"value": "away"', '"value": "out_of_office"'));
    const { code, lines } = await home.write('apply', 'crew', '--from-plan', 'plan.json', '--yes');
    expect({ code, outcomes: lines.map((line) => line.outcome), sent: home.writes().length }).toEqual({
      code: 3,
      outcomes: ['refused', 'applied'],
      sent: 1,
    });
    expect(first(lines).error?.message).toContain('something else than the plan shows: status');
  });

  test('of another connection is refused with exit 2', async () => {
    const home = await pylonHome();
    const { id } = first(home.api.world.users());
    const file = home.file('rows.csv', `op,user_id,status\nupdate,${id},out_of_office\n`);
    await home.write('apply', 'crew', file, '--plan', 'plan.json');
    home.file('plan.json', home.read('plan.json').replace('"connection": "crew"', '"connection": "staff"'));
    const { code, stderr } = await home.run('apply', 'crew', '--from-plan', 'plan.json', '--yes');
    expect({ code, sent: home.writes() }).toEqual({ code: 2, sent: [] });
    expect(stderr).toContain('is a plan for staff (pylon), not for crew');
  });
});

describe('column rules', () => {
  const RULES = ['columns: { exclude: [first_name, name], hash: [email], hash_key: "${HASH_KEY}" }'];

  test('hold for what is kept of a write: the journal, user_writes and the old values of a saved plan', async () => {
    const home = await identHome(5, RULES);
    await home.sync();
    const user = first(home.api.world.users());
    home.api.world.change(user.id, { first_name: 'Verysecretname', email: 'old.address@acme.test' });
    const set = `first_name,email\nupdate,${user.id},Newsecretname,new.address@acme.test`;
    const file = home.file('rows.csv', `op,user_id,${set}\n`);
    const planned = await home.write('apply', 'crew', file, '--plan', 'plan.json');
    expect(first(planned.lines).changes.first_name).toEqual(['Verysecretname', 'Newsecretname']);
    expect(home.read('plan.json')).not.toMatch(/Verysecretname|old\.address/);
    expect((await home.write('apply', 'crew', '--from-plan', 'plan.json', '--yes')).code).toBe(0);
    const [row] = await home.rows('select changes from user_writes');
    const { email, first_name } = json<Record<string, unknown[]>>(JSON.stringify(row?.changes));
    expect(first_name).toEqual([null, null]);
    expect(await home.rows(`select email from users where user_id = '${user.id}'`)).toEqual([{ email: email?.[1] }]);
    const place = { config: join(home.folder, 'rollcall.yaml'), folder: join(home.folder, 'data') };
    for (const secret of ['Verysecretname', 'Newsecretname', 'new.address@acme.test'])
      expectNoSecret(place, secret, []);
  });
});

describe('column rules of one field', () => {
  test('hold for names made of it, and for the words of a server that quote it', async () => {
    const home = await identHome(5, [
      'columns: { exclude: [first_name, name], hash: [email], hash_key: "${HASH_KEY}" }',
    ]);
    const [gone, there] = home.api.world.users();
    home.api.world.change(gone?.id ?? '', { first_name: 'Verysecretname' });
    expect((await home.write('users', 'delete', 'crew', gone?.id ?? '', '--yes')).code).toBe(0);
    onWrite(home, { kind: 'status', status: 409, message: `user exists with email ${there?.email?.toLowerCase()}` });
    const set = ['--set', `email=${there?.email}`, 'first_name=Othersecretname'];
    expect((await home.write('users', 'create', 'crew', ...set, '--yes')).code).toBe(1);
    const kept = await home.rows('select changes, error from user_writes');
    expect(JSON.stringify(kept)).toContain('user exists with email ***');
    const place = { config: join(home.folder, 'rollcall.yaml'), folder: join(home.folder, 'data') };
    for (const secret of ['Verysecretname', 'Othersecretname', String(there?.email)]) expectNoSecret(place, secret, []);
  });
});

describe('erasing a person', () => {
  test('takes what was written to him out of the journal and the table', async () => {
    const home = await identHome(5);
    await home.sync();
    const user = first(home.api.world.users());
    await home.write('users', 'update', 'crew', user.id, '--set', 'first_name=Verysecretname', '--yes');
    expect((await home.run('erase', 'crew', user.id, '--yes')).code).toBe(0);
    expect(await home.rows('select count(*) as n from user_writes')).toEqual([{ n: 0 }]);
    const place = { config: join(home.folder, 'rollcall.yaml'), folder: join(home.folder, 'data/state') };
    expectNoSecret(place, 'Verysecretname', []);
  });
});
