import { describe, expect, test } from 'vitest';
import { expectOneLine, until } from '../support/cli.ts';
import { first, identHome, jitsudoHome, onWrite, pylonHome } from '../support/writing.ts';

const FOR_EVER = Number.POSITIVE_INFINITY;

/** How often each user was written to. */
function perUser(writes: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const write of writes) {
    const id = write.split(/[/ ]/).at(-2) ?? '';
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

describe('an apply that is killed', () => {
  test.each([1, 4, 9])('at its write number %i goes on where it stopped, and writes to nobody twice', async (nth) => {
    const home = await pylonHome(30);
    await home.sync();
    const users = home.api.world.users();
    const rows = users.map(({ id, status }) => `update,${id},${status === 'away' ? 'active' : 'away'}`);
    const file = home.file('rows.csv', `op,user_id,status\n${rows.join('\n')}\n`);
    onWrite(home, { kind: 'slow', ms: 25 }, FOR_EVER);
    const running = home.start(['apply', 'crew', file, '--yes', '--json']);
    await until(() => home.writes().length >= nth, 'the apply writes');
    running.child.kill('SIGKILL');
    await running.ended;
    home.api.faults.clear();
    const { code, lines } = await home.write('apply', 'crew', file, '--yes');
    expect({ code, outcomes: new Set(lines.map((line) => line.outcome)) }).toEqual({
      code: 0,
      outcomes: new Set(['unchanged', 'applied']),
    });
    expect([...perUser(home.writes()).values()]).toEqual(users.map(() => 1));
    const left = await home.rows("select count(*) as n from user_writes where outcome = 'applied'");
    expect(left).toEqual([{ n: 30 }]);
    const table = await home.rows('select user_id, availability from users order by 1');
    expect(table).toEqual(
      home.api.world
        .users()
        .map(({ id, status }) => ({ user_id: id, availability: status }))
        .toSorted((a, b) => (a.user_id < b.user_id ? -1 : 1)),
    );
  });

  test('makes each user once', async () => {
    const home = await identHome(5);
    await home.sync();
    const rows = Array.from({ length: 12 }, (_, i) => `create,,new${i}@acme.test,New${i}`);
    const file = home.file('rows.csv', `op,user_id,email,first_name\n${rows.join('\n')}\n`);
    onWrite(home, { kind: 'slow', ms: 40 }, FOR_EVER);
    const running = home.start(['apply', 'crew', file, '--yes', '--json']);
    await until(() => home.writes().length >= 5, 'the apply writes');
    running.child.kill('SIGKILL');
    await running.ended;
    home.api.faults.clear();
    const { code, lines } = await home.write('apply', 'crew', file, '--yes');
    expect({ code, made: lines.filter((line) => line.user_id !== null).length }).toEqual({ code: 0, made: 12 });
    expect(home.writes().filter((write) => write.startsWith('POST'))).toHaveLength(12);
    expect(home.api.world.users()).toHaveLength(17);
    expect(await home.rows('select count(*) as n from current_users')).toEqual([{ n: 17 }]);
    const third = await home.write('apply', 'crew', file, '--yes');
    expect({ code: third.code, sent: home.writes().length }).toEqual({ code: 0, sent: 12 });
    expect(third.lines.map((line) => line.outcome)).toEqual(rows.map(() => 'unchanged'));
  });

  test('after it deleted a user finds that out when it is run again, and the tables do', async () => {
    const home = await identHome();
    await home.sync();
    const { id } = first(home.api.world.users());
    onWrite(home, { kind: 'lost' });
    home.api.faults.add({
      when: ({ method, endpoint }) => method === 'GET' && endpoint === '/users/{id}' && home.writes().length > 0,
      answer: { kind: 'slow', ms: 60_000 },
      times: FOR_EVER,
    });
    const running = home.start(['users', 'delete', 'crew', id, '--yes']);
    await until(() => home.api.world.find(id) === undefined, 'the user is gone');
    running.child.kill('SIGKILL');
    await running.ended;
    home.api.faults.clear();
    const planned = await home.write('users', 'delete', 'crew', id);
    expect({ code: planned.code, outcome: first(planned.lines).outcome }).toEqual({ code: 0, outcome: 'unchanged' });
    const again = await home.write('users', 'delete', 'crew', id, '--yes');
    expect({ code: again.code, outcome: first(again.lines).outcome, sent: home.writes().length }).toEqual({
      code: 0,
      outcome: 'unchanged',
      sent: 1,
    });
    expect(await home.rows('select outcome from user_writes')).toEqual([{ outcome: 'applied' }]);
    expect(await home.rows('select count(*) as n from current_users')).toEqual([{ n: 9 }]);
  });

  test('is in user_writes after the next sync, as unknown until it is run again', async () => {
    const home = await pylonHome();
    await home.sync();
    const { id } = first(home.api.world.users().filter((one) => one.status === 'active'));
    onWrite(home, { kind: 'lost' });
    home.api.faults.add({
      when: ({ method, endpoint }) => method === 'GET' && endpoint === '/users/{id}' && home.writes().length > 0,
      answer: { kind: 'slow', ms: 60_000 },
      times: FOR_EVER,
    });
    const update = ['users', 'update', 'crew', id, '--set', 'status=away', '--yes'];
    const running = home.start(update);
    await until(() => home.api.world.find(id)?.status === 'away', 'it is written');
    // Somebody writes: what is under way is his business.
    await home.sync();
    expect(await home.rows('select outcome from user_writes')).toEqual([]);
    running.child.kill('SIGKILL');
    await running.ended;
    home.api.faults.clear();
    expect((await home.sync()).code).toBe(0);
    expect(await home.rows('select user_id, outcome from user_writes')).toEqual([{ user_id: id, outcome: 'unknown' }]);
    expect((await home.write(...update)).lines[0]?.outcome).toBe('unchanged');
    expect(await home.rows('select outcome from user_writes')).toEqual([{ outcome: 'applied' }]);
  });

  test('and is refused when it is run again still brings what it wrote into the tables', async () => {
    const home = await pylonHome();
    await home.sync();
    const [a, b] = home.api.world.users().filter((one) => one.status === 'active');
    const rows = (...more: string[]) => ['op,user_id,status', `update,${a?.id},away`, ...more, ''].join('\n');
    onWrite(home, { kind: 'lost' });
    home.api.faults.add({
      when: ({ method, endpoint }) => method === 'GET' && endpoint === '/users/{id}' && home.writes().length > 0,
      answer: { kind: 'slow', ms: 60_000 },
      times: FOR_EVER,
    });
    const running = home.start(['apply', 'crew', home.file('rows.csv', rows(`update,${b?.id},away`)), '--yes']);
    await until(() => home.api.world.find(a?.id ?? '')?.status === 'away', 'the first is written');
    running.child.kill('SIGKILL');
    await running.ended;
    home.api.faults.clear();
    const again = await home.write('apply', 'crew', home.file('rows.csv', rows('update,nobody,away')), '--yes');
    expect({ code: again.code, sent: home.writes().length }).toEqual({ code: 3, sent: 1 });
    expect(await home.rows('select user_id, outcome from user_writes')).toEqual([
      { user_id: a?.id, outcome: 'applied' },
    ]);
    expect(await home.rows(`select availability from users where user_id = '${a?.id}'`)).toEqual([
      { availability: 'away' },
    ]);
  });

  test('and never asked for again is logged as unknown by the next command that writes', async () => {
    const home = await pylonHome();
    await home.sync();
    const [a, b] = home.api.world.users().filter((one) => one.status === 'active');
    onWrite(home, { kind: 'slow', ms: 3_000 });
    const running = home.start(['users', 'update', 'crew', a?.id ?? '', '--set', 'status=away', '--yes']);
    await until(() => home.writes().length === 1, 'the write is under way');
    running.child.kill('SIGKILL');
    await running.ended;
    await home.write('users', 'update', 'crew', b?.id ?? '', '--set', 'status=away', '--yes');
    expect(await home.rows('select user_id, outcome from user_writes order by requested_at')).toEqual([
      { user_id: a?.id, outcome: 'unknown' },
      { user_id: b?.id, outcome: 'applied' },
    ]);
    const now = home.api.world.find(a?.id ?? '')?.status;
    expect(await home.rows(`select availability from users where user_id = '${a?.id}'`)).toEqual([
      { availability: now },
    ]);
  });
});

describe('an apply that is asked to stop', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s waits for the answer to the write under way and sends no other', async (signal, code) => {
    const home = await pylonHome();
    await home.sync();
    const rows = home.api.world.users().map(({ id }) => `update,${id},out_of_office`);
    const file = home.file('rows.csv', `op,user_id,status\n${rows.join('\n')}\n`);
    onWrite(home, { kind: 'slow', ms: 300 }, FOR_EVER);
    const running = home.start(['apply', 'crew', file, '--yes', '--json']);
    await until(() => home.writes().length === 2, 'the second write is under way');
    running.child.kill(signal);
    const ended = await running.ended;
    const outcomes = ended.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).outcome]));
    const sent = outcomes.filter((outcome) => outcome === 'applied').length;
    expect({ code: ended.code, sent, requests: home.writes().length }).toEqual({ code, sent: 2, requests: 2 });
    expect(await home.rows("select count(*) as n from user_changes where op = 'update'")).toEqual([{ n: 2 }]);
    expect(outcomes.filter((outcome) => !['applied', 'unchanged', 'planned'].includes(outcome))).toEqual([]);
  });
});

describe('a user who needs two requests', () => {
  test('is told with what was written when it is asked to stop between them', async () => {
    const home = await jitsudoHome();
    const { id } = first(home.api.world.users().filter((one) => one.auth_provider === 'local' && one.active));
    home.api.faults.add({ when: ({ method }) => method === 'PUT', answer: { kind: 'slow', ms: 500 } });
    const args = ['users', 'update', 'crew', id, '--set', 'name=Kai New', 'active=false', '--yes', '--json'];
    const running = home.start(args);
    await until(() => home.writes().length === 1, 'the first request is under way');
    running.child.kill('SIGTERM');
    const { code, stdout } = await running.ended;
    expect({ code, sent: home.writes().length }).toEqual({ code: 143, sent: 1 });
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'failed',
      error: { message: expect.stringMatching(/stopped before active .*Written before that: name\.$/) },
    });
  });
});

describe('two commands that write to one connection', () => {
  test('do not do so at the same time: the second is turned away', async () => {
    const home = await pylonHome();
    const [a, b] = home.api.world.users().filter((one) => one.status === 'active');
    onWrite(home, { kind: 'slow', ms: 1_500 });
    const running = home.start(['users', 'update', 'crew', a?.id ?? '', '--set', 'status=away', '--yes']);
    await until(() => home.writes().length === 1, 'the first writes');
    const second = await home.run('users', 'update', 'crew', b?.id ?? '', '--set', 'status=away', '--yes');
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/process \d+ on .* is writing to crew; wait for it to end or stop it/);
    expectOneLine(second.stderr);
    expect((await running.ended).code).toBe(0);
  });
});

describe('a sync that goes on while users are written to', () => {
  test('reads them again before it applies, and the tables are true when both are done', async () => {
    const home = await pylonHome(30);
    await home.sync();
    const users = home.api.world.users().filter((one) => one.status === 'active');
    const [changed, renamed] = users;
    home.api.world.rename(renamed?.id ?? '', 'Renamed Meanwhile');
    // The listing is read, with the user as he was; its last answer comes late.
    home.api.faults.add({ when: { method: 'GET', path: '/users' }, answer: { kind: 'slow', ms: 2_000 } });
    const syncing = home.start(['sync', '--quiet']);
    await until(() => home.api.log.some(({ path }) => path.startsWith('/users?')), 'the listing is asked for');
    const set = ['--set', 'status=away', 'role=admin'];
    const { code, stderr, lines } = await home.write('users', 'update', 'crew', changed?.id ?? '', ...set, '--yes');
    expect({ code, outcome: first(lines).outcome }).toEqual({ code: 0, outcome: 'applied' });
    expect(stderr).toMatch(/is running crew; it reads the users who were written to again/);
    expect((await syncing.ended).code).toBe(0);
    const rows = await home.rows(`select availability from users where user_id = '${changed?.id}'`);
    expect(rows).toEqual([{ availability: 'away' }]);
    expect(await home.rows('select outcome from user_writes')).toEqual([{ outcome: 'applied' }]);
    expect(await home.rows("select op from user_changes where op <> 'insert'")).toEqual([
      { op: 'update' },
      { op: 'update' },
    ]);
  });

  test('takes the tombstone of a user who was deleted meanwhile when it is done', async () => {
    const home = await jitsudoHome(30);
    await home.sync();
    const gone = first(home.api.world.users());
    home.api.faults.add({ when: { method: 'GET', path: '/v1/users' }, answer: { kind: 'slow', ms: 2_000 } });
    const since = home.api.log.length;
    const syncing = home.start(['sync', '--quiet']);
    await until(
      () => home.api.log.slice(since).some(({ path }) => path.startsWith('/v1/users?')),
      'the listing is asked for',
    );
    expect((await home.write('users', 'delete', 'crew', gone.id, '--yes')).code).toBe(0);
    const ended = await syncing.ended;
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await home.rows('select count(*) as n from current_users')).toEqual([{ n: 29 }]);
  });
});

describe('the budget of writes', () => {
  test('is spent before sending: one more than fits into a minute waits, and can be stopped while it does', async () => {
    const home = await pylonHome(20, ['limits: { list: 0, get: 0, search: 0, write: 2 }']);
    const users = home.api.world.users().filter((one) => one.status === 'active');
    const rows = users.slice(0, 3).map(({ id }) => `update,${id},away`);
    const file = home.file('rows.csv', `op,user_id,status\n${rows.join('\n')}\n`);
    const running = home.start(['apply', 'crew', file, '--yes', '--json']);
    await until(() => running.stderr().includes('"reason":"budget","msg":"waiting"'), 'the third write waits');
    running.child.kill('SIGINT');
    const { code, stdout } = await running.ended;
    const outcomes = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).outcome]));
    expect({ code, outcomes, sent: home.writes().length }).toEqual({
      code: 130,
      outcomes: ['applied', 'applied', 'planned'],
      sent: 2,
    });
    expect(await home.rows('select outcome from user_writes')).toEqual([
      { outcome: 'applied' },
      { outcome: 'applied' },
    ]);
  });
});
