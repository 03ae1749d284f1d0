import { describe, expect, test } from 'vitest';
import type { WireFault } from '../../src/demo/local/faults.ts';
import { bluebricksHome, first, identHome, jitsudoHome, onWrite, pylonHome } from '../support/writing.ts';

/** The server did what it was asked for, and nobody heard of it. */
const LOST: WireFault = { kind: 'lost' };
/** The connection broke before the server did anything. */
const UNDONE: WireFault = { kind: 'reset' };
const ILL: WireFault = { kind: 'status', status: 500, message: 'internal error' };

/** One operation of each source that has it: how it is asked for, and what the server holds when it is done. */
const OPERATIONS = {
  'Pylon PATCH': async () => {
    const home = await pylonHome();
    const { id } = first(home.api.world.users().filter((one) => one.role?.slug === 'member'));
    const args = ['users', 'update', 'crew', id, '--set', 'role=admin'];
    return { home, args, done: () => home.api.world.find(id)?.role?.slug === 'admin' };
  },
  'Ident PUT': async () => {
    const home = await identHome();
    const { id } = first(home.api.world.users());
    const args = ['users', 'update', 'crew', id, '--set', 'first_name=Ann'];
    return { home, args, done: () => home.api.world.find(id)?.first_name === 'Ann' };
  },
  'Ident DELETE': async () => {
    const home = await identHome();
    const { id } = first(home.api.world.users());
    return { home, args: ['users', 'delete', 'crew', id], done: () => home.api.world.find(id) === undefined };
  },
  'Bluebricks roles, replaced': async () => {
    const home = await bluebricksHome();
    const { id } = first(home.api.world.members());
    const args = ['users', 'update', 'crew', id, '--set', 'roles=Viewer'];
    return { home, args, done: () => home.api.world.find(id)?.roles?.[0]?.name === 'Viewer' };
  },
  'Bluebricks roles, added': async () => {
    const home = await bluebricksHome();
    const { id } = first(home.api.world.members().filter((one) => one.roles?.length === 1));
    const args = ['users', 'update', 'crew', id, '--set', 'roles+=Viewer'];
    return { home, args, done: () => home.api.world.find(id)?.roles?.length === 2 };
  },
  'JITSudo PUT': async () => {
    const home = await jitsudoHome();
    const { id } = first(home.api.world.users());
    const args = ['users', 'update', 'crew', id, '--set', 'roles=auditor'];
    return { home, args, done: () => home.api.world.find(id)?.roles.join() === 'auditor' };
  },
  'JITSudo suspend': async () => {
    const home = await jitsudoHome();
    const { id } = first(home.api.world.users().filter((one) => one.active));
    const args = ['users', 'update', 'crew', id, '--set', 'active=false'];
    return { home, args, done: () => home.api.world.find(id)?.active === false };
  },
  'JITSudo DELETE': async () => {
    const home = await jitsudoHome();
    const { id } = first(home.api.world.users());
    return { home, args: ['users', 'delete', 'crew', id], done: () => home.api.world.find(id) === undefined };
  },
} as const;

describe.each(Object.entries(OPERATIONS))('%s', (_name, make) => {
  test('whose answer is lost is proven by a read and not sent again', async () => {
    const { home, args, done } = await make();
    onWrite(home, LOST);
    const { code, lines } = await home.write(...args, '--yes');
    expect({ code, outcome: first(lines).outcome, sent: home.writes().length, done: done() }).toEqual({
      code: 0,
      outcome: 'applied',
      sent: 1,
      done: true,
    });
    expect(await home.rows('select outcome, error from user_writes')).toEqual([{ outcome: 'applied', error: null }]);
  });

  test('that did not happen is sent again once a read has proven it', async () => {
    const { home, args, done } = await make();
    onWrite(home, UNDONE);
    const { code, lines } = await home.write(...args, '--yes');
    expect({ code, outcome: first(lines).outcome, sent: home.writes().length, done: done() }).toEqual({
      code: 0,
      outcome: 'applied',
      sent: 2,
      done: true,
    });
  });
});

describe('a write whose answer is lost', () => {
  test('is unknown when the user cannot be read, stays so in the log, and the rest is not written', async () => {
    const home = await pylonHome();
    await home.sync();
    const users = home.api.world.users().filter((one) => one.status === 'active');
    onWrite(home, LOST);
    const since = home.api.log.length;
    home.api.faults.add({
      when: ({ endpoint }) => endpoint === '/users/{id}' && home.writes().length > 0 && home.api.log.length > since,
      answer: { kind: 'status', status: 503 },
      times: Number.POSITIVE_INFINITY,
    });
    const rows = users.slice(0, 3).map(({ id }) => `update,${id},away`);
    const file = home.file('rows.csv', `op,user_id,status\n${rows.join('\n')}\n`);
    const { code, lines, stderr } = await home.write('apply', 'crew', file, '--yes');
    expect({ code, outcomes: lines.map((line) => line.outcome) }).toEqual({
      code: 1,
      outcomes: ['unknown', 'planned', 'planned'],
    });
    expect(lines[0]?.error?.message).toMatch(/not known: the user could not be read again .* Look at the user/);
    expect(stderr).toContain('the rest was not written');
    expect(home.writes()).toHaveLength(1);
    expect(await home.rows('select outcome from user_writes')).toEqual([{ outcome: 'unknown' }]);
    home.api.faults.clear();
    const again = await home.write('apply', 'crew', file, '--yes');
    expect({ code: again.code, outcomes: again.lines.map((line) => line.outcome) }).toEqual({
      code: 0,
      outcomes: ['unchanged', 'applied', 'applied'],
    });
    expect(home.writes()).toHaveLength(3);
    expect(await home.rows('select outcome, count(*) as n from user_writes group by 1')).toEqual([
      { outcome: 'applied', n: 3 },
    ]);
  });

  test('fails when the server breaks off every time and reads say that it never happened', async () => {
    const home = await pylonHome();
    const { id } = first(home.api.world.users().filter((one) => one.status === 'active'));
    onWrite(home, ILL, Number.POSITIVE_INFINITY);
    const { code, lines } = await home.write('users', 'update', 'crew', id, '--set', 'status=away', '--yes');
    expect({ code, outcome: first(lines).outcome, sent: home.writes().length }).toEqual({
      code: 1,
      outcome: 'failed',
      sent: 3,
    });
    expect(first(lines).error?.message).toMatch(/answered 500.*internal error.* the write did not happen/);
  });

  test.each([
    ['a page of a gateway', { kind: 'body', type: 'text/html', body: '<html><title>Hi</title></html>' }],
    ['an empty answer', { kind: 'body', body: '' }],
    ['an errors object', { kind: 'body', body: '{"errors":["no"],"request_id":"1"}' }],
    ['another user', { kind: 'body', body: '{"data":{"id":"somebody"},"request_id":"1"}' }],
  ] as const)('is what status 200 with %s comes to', async (_what, answer) => {
    const home = await pylonHome();
    const { id } = first(home.api.world.users().filter((one) => one.status === 'active'));
    onWrite(home, answer);
    const { code, lines } = await home.write('users', 'update', 'crew', id, '--set', 'status=away', '--yes');
    expect({ code, outcome: first(lines).outcome, sent: home.writes().length }).toEqual({
      code: 0,
      outcome: 'applied',
      sent: 2,
    });
    expect(home.api.world.find(id)?.status).toBe('away');
  });

  test('of a password alone is unknown, for nobody can read it', async () => {
    const home = await identHome();
    const { id } = first(home.api.world.users());
    onWrite(home, LOST);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference to a secret
    const set = ['--set', 'password=${NEW_PASSWORD}'];
    const { code, lines } = await home.write('users', 'update', 'crew', id, ...set, '--yes');
    expect({ code, outcome: first(lines).outcome, sent: home.writes().length }).toEqual({
      code: 1,
      outcome: 'unknown',
      sent: 1,
    });
  });
});

describe('a deletion', () => {
  test('that lands late is applied, though the second request finds nobody', async () => {
    const home = await jitsudoHome();
    await home.sync();
    const { id } = first(home.api.world.users());
    onWrite(home, UNDONE);
    home.api.faults.add({
      when: ({ method, nth }) => {
        if (method === 'DELETE' && nth === 2) home.api.world.remove(id);
        return false;
      },
      answer: UNDONE,
    });
    const { code, lines } = await home.write('users', 'delete', 'crew', id, '--yes');
    expect({ code, outcome: first(lines).outcome, sent: home.writes() }).toEqual({
      code: 0,
      outcome: 'applied',
      sent: [`DELETE /v1/users/${id} null`, `DELETE /v1/users/${id} 404`],
    });
    expect(await home.rows('select count(*) as n from current_users')).toEqual([{ n: 19 }]);
  });

  test('whose answer is lost is proven by somebody whom the same file did not delete', async () => {
    const home = await identHome();
    await home.sync();
    const ids = (await home.rows('select user_id from users order by first_seen_at, user_id')).map(
      (row) => row.user_id,
    );
    home.api.faults.add({ when: ({ method, nth }) => method === 'DELETE' && nth === 1, answer: LOST });
    const file = home.file(
      'rows.csv',
      `op,user_id\n${ids
        .slice(0, 8)
        .map((id) => `delete,${id}`)
        .join('\n')}\n`,
    );
    home.api.faults.add({
      when: ({ method, path }) => method === 'DELETE' && path.endsWith(String(ids[7])),
      answer: LOST,
    });
    const { code, lines } = await home.write('apply', 'crew', file, '--yes');
    expect({ code, outcomes: new Set(lines.map((line) => line.outcome)) }).toEqual({
      code: 0,
      outcomes: new Set(['applied']),
    });
  });
});

describe('a list', () => {
  test('that the server shows in another order is as it was before', async () => {
    const home = await jitsudoHome();
    const { id } = first(home.api.world.users());
    home.api.world.change(id, { roles: ['user', 'auditor'] });
    home.api.faults.add({
      when: ({ method }) => {
        if (method === 'PUT') home.api.world.change(id, { roles: ['auditor', 'user'] });
        return method === 'PUT';
      },
      answer: UNDONE,
    });
    const { code, lines } = await home.write('users', 'update', 'crew', id, '--set', 'roles=admin', '--yes');
    expect({ code, outcome: first(lines).outcome }).toEqual({ code: 0, outcome: 'applied' });
  });
});

describe('a user who needs two requests', () => {
  test('is told with what was written when the second one fails', async () => {
    const home = await jitsudoHome();
    const { id } = first(home.api.world.users().filter((one) => one.auth_provider === 'local' && one.active));
    home.api.faults.add({
      when: ({ path }) => path.endsWith('/suspend'),
      answer: { kind: 'status', status: 403, code: 'forbidden', message: 'no' },
    });
    const set = ['--set', 'name=Kai New', 'active=false'];
    const { code, lines } = await home.write('users', 'update', 'crew', id, ...set, '--yes');
    expect({ code, outcome: first(lines).outcome }).toEqual({ code: 1, outcome: 'failed' });
    expect(first(lines).error?.message).toMatch(/suspend was answered 403.*Written before that: name\.$/);
  });
});
