import { describe, expect, it } from 'vitest';
import { startPylon } from '../../src/demo/pylon/server.ts';
import { ask, expectError, pagination, records, type Sent, search, start, startAsPublished } from '../support/pylon.ts';

describe('organization', () => {
  it('lists roles in one page', async () => {
    const answered = await ask(await start(), '/user-roles');
    expect(records(answered).length).toBeGreaterThan(2);
    for (const role of records(answered)) {
      expect(role).toEqual({ id: expect.any(String), name: expect.any(String), slug: expect.any(String) });
    }
    expect(records(answered).map(({ slug }) => slug)).toEqual(expect.arrayContaining(['admin', 'member']));
    expect(pagination(answered)).toEqual({ cursor: '', has_next_page: false });
  });

  it('lists teams with their members, and one team by id', async () => {
    const api = await start();
    const answered = await ask(api, '/teams');
    for (const team of records(answered)) {
      expect(team).toEqual({ id: expect.any(String), name: expect.any(String), users: expect.any(Array) });
      expect(team.users).toContainEqual({ id: expect.any(String), email: expect.any(String) });
    }
    const [first] = records(answered);
    expect((await ask(api, `/teams/${first?.id}`)).body).toEqual({ data: first, request_id: expect.any(String) });
    expectError(await ask(api, '/teams/none'), 404, /team not found/, 'not_found');
  });

  it('drops removed and deactivated members from a team', async () => {
    const api = await start({ users: 3 });
    const [a = '', b = '', c = ''] = api.world.users().map(({ id }) => id);
    api.world.setTeams([{ id: 't', name: 'T', members: [a, b, c] }]);
    api.world.remove(a);
    api.world.deactivate(b);
    const { data } = (await ask(api, '/teams/t')).body;
    expect(data).toEqual({ id: 't', name: 'T', users: [{ id: c, email: expect.any(String) }] });
  });

  it('names the organization in /me, and a user without an email', async () => {
    const api = await start();
    const { data } = (await ask(api, '/me')).body;
    expect(data).toEqual({ ...api.world.organization, user: { id: expect.any(String) } });
  });
});

describe('refusals', () => {
  it.each([null, 'Bearer', 'Basic abc', 'Bearer two words'])(
    'asks for a Bearer token when given %j',
    async (authorization) => {
      expectError(
        await ask(await start(), '/users', { authorization }),
        401,
        /Authorization/,
        'invalid_authorization_header',
      );
    },
  );

  it('tells a wrong token from one of the other region', async () => {
    const api = await start({ region: 'eu' });
    const as = (token: string) => ask(api, '/me', { authorization: `Bearer ${token}` });
    expectError(await as('pyl_wrong'), 401, /not valid/, 'invalid_api_token');
    expectError(await as(api.foreignToken), 401, /region/, 'wrong_region_token');
    expect((await ask(api, '/me', { authorization: `bearer ${api.token}` })).status).toBe(200);
  });

  it('answers 404 for an unknown path, with or without a token', async () => {
    const api = await start();
    for (const path of ['/', '//', '/users/', '/v1/users', '/users/a/b', '/teams/']) {
      expectError(await ask(api, path, { authorization: null }), 404, /no such path/, 'not_found');
    }
  });

  it('answers 405 for a method that the path does not have, and names those it has', async () => {
    const api = await start();
    const answered = await ask(api, '/users', { method: 'DELETE' });
    expectError(answered, 405, /use GET/);
    expect(answered.headers.get('allow')).toBe('GET');
    expect((await ask(api, '/users/x', { method: 'DELETE' })).headers.get('allow')).toBe('GET, PATCH');
  });

  it('says which port is taken', async () => {
    const api = await start();
    const port = Number(new URL(api.url).port);
    await expect(startPylon({ port })).rejects.toThrow(`port ${port} of 127.0.0.1`);
  });
});

describe('limits', () => {
  it('answers 429 with the seconds to wait, then serves again, in a sliding minute of each endpoint', async () => {
    let now = 1_000_000;
    const api = await start({ users: 1, limits: { list: 2 }, now: () => now });
    const status = async (path: string) => (await ask(api, path)).status;
    expect(await status('/users')).toBe(200);
    now += 20_500;
    expect(await status('/users')).toBe(200);
    const refused = await ask(api, '/users');
    expectError(refused, 429, /Too many requests/, 'rate_limited');
    expect(refused.headers.get('x-retry-after')).toBe('40');
    expect(refused.headers.get('retry-after')).toBeNull();
    expect(await status('/me')).toBe(200);
    now += 39_499;
    expect(await status('/users')).toBe(429);
    now += 1;
    expect(await status('/users')).toBe(200);
    expect(await status('/users')).toBe(429);
  });

  it('has the vendor’s July numbers unless told otherwise', async () => {
    const api = await startAsPublished({ users: 1, now: () => 0 });
    const [user] = api.world.users();
    const allowed = async (path: string, sent: Sent) => {
      for (let count = 0; ; count += 1) if ((await ask(api, path, sent)).status === 429) return count;
    };
    expect(await allowed('/users', {})).toBe(60);
    expect(await allowed('/user-roles', {})).toBe(60);
    expect(await allowed('/users/search', { body: {} })).toBe(20);
    expect(await allowed(`/users/${user?.id}`, { method: 'PATCH', body: {} })).toBe(20);
  });

  it('counts an endpoint, not each id', async () => {
    const api = await start({ users: 1, limits: { get: 1 } });
    await ask(api, '/users/a');
    expect((await ask(api, '/users/b')).status).toBe(429);
  });
});

describe('log', () => {
  it('has every request in order, with its status', async () => {
    const api = await start({ users: 1, now: () => 42 });
    await ask(api, '/users?limit=5');
    await ask(api, '/nowhere');
    await search(api, { limit: 0 });
    expect(api.log).toEqual([
      { method: 'GET', path: '/users?limit=5', status: 200, at: 42 },
      { method: 'GET', path: '/nowhere', status: 404, at: 42 },
      { method: 'POST', path: '/users/search', status: 400, at: 42 },
    ]);
  });
});
