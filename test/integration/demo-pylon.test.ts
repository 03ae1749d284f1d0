import { afterEach, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/json.ts';
import { ODD_ANSWERS, REFUSES_QUERY } from '../../src/demo/pylon/faults.ts';
import { type PylonApi, type PylonOptions, startPylon } from '../../src/demo/pylon/server.ts';
import { userText } from '../../src/demo/pylon/user.ts';
import { makeWorld } from '../../src/demo/pylon/world.ts';

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: JsonObject;
}

const running: PylonApi[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()));
});

async function start(options: PylonOptions = {}): Promise<PylonApi> {
  const api = await startPylon({ limits: { list: 0, get: 0, search: 0, write: 0 }, ...options });
  running.push(api);
  return api;
}

interface Sent {
  readonly method?: string;
  readonly body?: Json;
  readonly authorization?: string | null;
}

async function raw(api: PylonApi, path: string, sent: Sent = {}): Promise<Response> {
  const { method = sent.body === undefined ? 'GET' : 'POST', authorization = `Bearer ${api.token}` } = sent;
  return await fetch(`${api.url}${path}`, {
    method,
    headers: authorization === null ? {} : { authorization },
    ...(sent.body === undefined ? {} : { body: JSON.stringify(sent.body) }),
  });
}

async function ask(api: PylonApi, path: string, sent: Sent = {}): Promise<Answered> {
  const response = await raw(api, path, sent);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
}

const search = (api: PylonApi, body: Json) => ask(api, '/users/search', { body });

/** The records of a page, as objects. */
function records({ body }: Answered): JsonObject[] {
  expect(body.data).toBeInstanceOf(Array);
  // The line above has failed for anything else; the API's users are objects.
  return body.data as JsonObject[];
}

const ids = (answered: Answered) => records(answered).map((user) => user.id);

function pagination({ body }: Answered): { cursor: string; has_next_page: boolean } {
  expect(body.pagination).toEqual({ cursor: expect.any(String), has_next_page: expect.any(Boolean) });
  // Checked by the line above.
  return body.pagination as { cursor: string; has_next_page: boolean };
}

const after = (cursor: string, limit: number, more = '') => `/users?limit=${limit}&cursor=${cursor}${more}`;

/** Every id of the listing, page by page; `between` runs after each page. */
async function readAll(api: PylonApi, limit: number, between: (page: number) => void = () => {}): Promise<Json[]> {
  const all: Json[] = [];
  let path = `/users?limit=${limit}`;
  for (let page = 1; ; page += 1) {
    const answered = await ask(api, path);
    all.push(...ids(answered).map((id) => id ?? null));
    const { cursor, has_next_page } = pagination(answered);
    if (!has_next_page) return all;
    between(page);
    path = after(cursor, limit);
  }
}

function expectError(answered: Answered, status: number, message: RegExp, code?: string): void {
  expect(answered.status).toBe(status);
  expect(answered.headers.get('content-type')).toMatch(/^application\/json/);
  expect(answered.body).toEqual({
    errors: [expect.stringMatching(message)],
    request_id: answered.headers.get('x-pylon-request-id'),
    ...(code === undefined ? {} : { code }),
  });
}

const textOrNothing = (value: Json | undefined) => value === undefined || value === null || typeof value === 'string';

describe('world', () => {
  it('is the same to the byte for the same seed, and another for another', () => {
    const bytes = (seed: number) => {
      const world = makeWorld(700, seed);
      return JSON.stringify([world.organization, world.roles(), world.teams(), world.users()]);
    };
    expect(bytes(7)).toBe(bytes(7));
    expect(bytes(7)).not.toBe(bytes(8));
  });

  it('gives every user a unique uuid', () => {
    const users = makeWorld(5000, 3).users();
    expect(new Set(users.map(({ id }) => id)).size).toBe(5000);
    for (const { id } of users)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('holds every nasty value among some hundred users, in a small share', () => {
    const world = makeWorld(700, 1);
    const users = world.users();
    const text = JSON.stringify(users);
    const known = new Set(world.roles().map(({ id }) => id));
    for (const sign of [
      '\\u0000',
      '\\ud83d ',
      '\u202e',
      '\u0301',
      '\u{1F469}\u200d',
      '\\"',
      '\\\\',
      '\\n',
      'DROP TABLE',
    ]) {
      expect(text).toContain(sign);
    }
    expect(users.some(({ name }) => (name?.length ?? 0) > 3000)).toBe(true);
    expect(users.some((user) => user.name === '')).toBe(true);
    expect(users.some((user) => user.name === null && user.emails === null)).toBe(true);
    expect(users.some((user) => !('name' in user))).toBe(true);
    expect(users.some((user) => !('role' in user) && known.has(user.role_id ?? ''))).toBe(true);
    expect(users.some((user) => typeof user.role_id === 'string' && !known.has(user.role_id))).toBe(true);
    expect(users.some((user) => user.email === '')).toBe(true);
    expect(new Set(users.map((user) => user.status))).toContain('out_of_office');
    expect(users.filter((user) => /^[\p{L} ]+$/u.test(user.name ?? '')).length).toBeGreaterThan(600);
  });

  it('renames a role in the listing and inside the users who show it', () => {
    const world = makeWorld(50, 1);
    const holder = world.users().find((user) => user.role !== undefined);
    const role = world.renameRole(holder?.role?.id ?? '', 'Owner');
    expect(world.roles()).toContainEqual(role);
    expect(world.find(holder?.id ?? '')?.role).toEqual({
      id: holder?.role_id,
      name: 'Owner',
      slug: holder?.role?.slug,
    });
  });

  it('gives a changed user a new text', () => {
    const world = makeWorld(1, 1);
    const [user] = world.users();
    const old = userText(user ?? { id: '' }, '');
    expect(userText(world.rename(user?.id ?? '', 'New Name'), '')).toContain('"name":"New Name"');
    expect(old).not.toContain('New Name');
  });

  it('lets users trade places, and moves one', () => {
    const world = makeWorld(5, 1);
    const [a = '', b = '', c = '', d = '', e = ''] = world.users().map(({ id }) => id);
    world.reorder([e, a]);
    expect(world.users().map(({ id }) => id)).toEqual([e, b, c, d, a]);
    world.move(d, 1);
    expect(world.users().map(({ id }) => id)).toEqual([e, d, b, c, a]);
  });

  it('throws for a user, a role or an order that cannot be', () => {
    const world = makeWorld(3, 1);
    const [first] = world.users();
    const id = first?.id ?? '';
    expect(() => world.rename('nobody', 'x')).toThrow('no user "nobody"');
    expect(() => world.changeRole(id, 'none')).toThrow('no role "none"');
    expect(() => world.reorder([id, id])).toThrow('twice');
    expect(() => world.add({ id })).toThrow('already');
  });
});

describe('GET /users', () => {
  it('serves every user of the world, in order, as the world holds him', async () => {
    const api = await start({ users: 700 });
    const answered = await ask(api, '/users?limit=999');
    const withoutQuery = records(answered).map((user) =>
      typeof user.avatar_url === 'string' && user.avatar_url.includes('/signed/')
        ? { ...user, avatar_url: user.avatar_url.split('?')[0] }
        : user,
    );
    expect(withoutQuery).toEqual(api.world.users());
  });

  it('has the envelope and the field types of the vendor', async () => {
    const api = await start({ users: 700 });
    const answered = await ask(api, '/users?limit=999');
    expect(Object.keys(answered.body)).toEqual(['data', 'pagination', 'request_id']);
    expect(answered.body.request_id).toBe(answered.headers.get('x-pylon-request-id'));
    expect(pagination(answered)).toEqual({ cursor: '', has_next_page: false });
    const fields = ['id', 'name', 'email', 'emails', 'role_id', 'role', 'avatar_url', 'status'];
    for (const user of records(answered)) {
      expect(fields).toEqual(expect.arrayContaining(Object.keys(user)));
      const { emails, role, ...texts } = user;
      expect(Object.values(texts).every(textOrNothing)).toBe(true);
      expect(Array.isArray(emails ?? []) && [emails ?? []].flat().every((email) => typeof email === 'string')).toBe(
        true,
      );
      if (role) expect(role).toEqual({ id: user.role_id, name: expect.any(String), slug: expect.any(String) });
    }
  });

  it('returns 100 users without a limit, and at most what was asked for with one', async () => {
    const api = await start({ users: 120 });
    expect(ids(await ask(api, '/users'))).toHaveLength(100);
    expect(ids(await ask(api, '/users?limit=1'))).toHaveLength(1);
    expect(await readAll(api, 50)).toEqual(api.world.users().map(({ id }) => id));
  });

  it.each(['0', '1000', '-1', 'ten', '1.5', ''])('refuses the limit "%s"', async (limit) => {
    expectError(
      await ask(await start(), `/users?limit=${limit}`),
      400,
      /limit: must be greater than 0 and less than 1000/,
    );
  });

  it('knows no next page when the last one is exactly full', async () => {
    const api = await start({ users: 20 });
    expect(pagination(await ask(api, '/users?limit=20'))).toEqual({ cursor: '', has_next_page: false });
  });

  it('neither skips nor doubles users when others come and go between pages', async () => {
    const api = await start({ users: 30 });
    const { world } = api;
    const before = world.users().map(({ id }) => id);
    const [gone = '', anchor = '', upcoming = ''] = [before[3], before[9], before[15]];
    const read = await readAll(api, 10, (page) => {
      if (page !== 1) return;
      world.add({}, 0);
      world.add({ id: 'inserted-ahead' }, 14);
      for (const id of [gone, anchor, upcoming]) world.remove(id);
    });
    const stayed = before.filter((id) => ![gone, anchor, upcoming].includes(id));
    expect(read.filter((id) => stayed.some((kept) => kept === id))).toEqual(stayed);
    expect(read).toContain('inserted-ahead');
    expect(read).not.toContain(upcoming);
    expect(new Set(read).size).toBe(read.length);
  });

  it('neither skips nor doubles the others when one user moves ahead of the cursor', async () => {
    const api = await start({ users: 30 });
    const before = api.world.users().map(({ id }) => id);
    const moved = before[9] ?? '';
    const read = await readAll(api, 10, (page) => (page === 1 ? api.world.move(moved, 29) : undefined));
    expect(read.filter((id) => id !== moved)).toEqual(before.filter((id) => id !== moved));
    expect(read.filter((id) => id === moved)).toHaveLength(2);
  });

  it('refuses a cursor that it never handed out', async () => {
    const api = await start({ users: 30 });
    const { cursor } = pagination(await ask(api, '/users?limit=10'));
    const other = pagination(await search(api, { limit: 10 })).cursor;
    const foreign = Buffer.from('users:999999:0').toString('base64url');
    for (const wrong of ['abc', `${cursor}A`, `${cursor}%20`, other, foreign]) {
      expectError(await ask(api, after(wrong, 10)), 400, /cursor: not a cursor of this listing/);
    }
  });

  it('leaves deactivated users out unless they are asked for', async () => {
    const api = await start({ users: 5 });
    const all = api.world.users().map(({ id }) => id);
    const [first = ''] = all;
    api.world.deactivate(first);
    expect(ids(await ask(api, '/users'))).toEqual(all.slice(1));
    expect(ids(await ask(api, '/users?include_deactivated=false'))).toEqual(all.slice(1));
    expect(ids(await ask(api, '/users?include_deactivated=true'))).toEqual(all);
    expectError(await ask(api, '/users?include_deactivated=yes'), 400, /include_deactivated: must be true or false/);
    api.world.reactivate(first);
    expect(ids(await ask(api, '/users'))).toEqual(all);
  });

  it('signs an avatar anew in every answer', async () => {
    const api = await start({ users: 0 });
    api.world.add({ avatar_url: 'https://files.pylon.test/signed/a.png' });
    const avatar = async () => String(records(await ask(api, '/users'))[0]?.avatar_url);
    const [one, two] = [await avatar(), await avatar()];
    expect(one).toMatch(/^https:\/\/files\.pylon\.test\/signed\/a\.png\?expires=\d+&signature=/);
    expect(two.split('?')[0]).toBe(one.split('?')[0]);
    expect(two).not.toBe(one);
  });

  it('sends a lone surrogate and a NUL as escapes, which any JSON parser takes', async () => {
    const api = await start({ users: 0 });
    api.world.add({ name: 'a\ud83db\u0000c' });
    const answered = await ask(api, '/users');
    expect(answered.text).toContain('"name":"a\\ud83db\\u0000c"');
    expect(records(answered)[0]?.name).toBe('a\ud83db\u0000c');
  });
});

describe('one user', () => {
  it('is found by id, deactivated or not, with the id percent-encoded', async () => {
    const api = await start({ users: 3 });
    const user = api.world.add({ id: 'a/b %|é', avatar_url: '' });
    api.world.deactivate(user.id);
    const answered = await ask(api, `/users/${encodeURIComponent(user.id)}`);
    expect(answered.status).toBe(200);
    expect(answered.body).toEqual({ data: user, request_id: expect.any(String) });
  });

  it('answers 404 in the API’s own words for an id that nobody has', async () => {
    const api = await start({ users: 3 });
    const [user] = api.world.users();
    api.world.remove(user?.id ?? '');
    expectError(await ask(api, `/users/${user?.id}`), 404, /user not found/, 'not_found');
    expectError(await ask(api, '/users/%E0%A4%A'), 404, /user not found/, 'not_found');
  });

  it('changes role and status by PATCH, and nothing else', async () => {
    const api = await start({ users: 3 });
    const user = api.world.add({ avatar_url: '' });
    const role = api.world.addRole('Night shift', 'night_shift');
    const body = { role_id: role.id, status: 'away', nickname: 'ignored' };
    const answered = await ask(api, `/users/${user.id}`, { method: 'PATCH', body });
    expect(answered.body.data).toEqual({ ...user, role_id: role.id, role, status: 'away' });
    expect((await ask(api, `/users/${user.id}`)).body.data).toEqual(answered.body.data);
  });

  it.each([
    [{ role_id: 'none' }, /role_id: there is no role "none"/],
    [{ status: 'asleep' }, /status: must be one of active, away, out_of_office/],
    [{ role_id: 7 }, /role_id: must be a string/],
    [{ avatar_url: 'https://x.test/a.gif' }, /avatar_url: must be a .png/],
    [[], /must be a JSON object/],
  ])('refuses the change %j and keeps the user as he was', async (body, message) => {
    const api = await start({ users: 1 });
    const [user] = api.world.users();
    expectError(await ask(api, `/users/${user?.id}`, { method: 'PATCH', body }), 400, message);
    expect(api.world.users()).toEqual([user]);
  });

  it('answers 404 to a PATCH of nobody', async () => {
    expectError(await ask(await start(), '/users/x', { method: 'PATCH', body: {} }), 404, /not found/, 'not_found');
  });
});

describe('POST /users/search', () => {
  const people = ['ann@a.test', 'bob@a.test', 'cat@a.test', ''];
  const condition = (operator: string, ...values: string[]): JsonObject => ({ field: 'email', operator, values });
  const equals = (value: string): JsonObject => ({ field: 'email', operator: 'equals', value });
  const among = async (filter: Json) => {
    const api = await start({ users: 0 });
    for (const email of people) api.world.add({ email });
    return records(await search(api, { filter })).map(({ email }) => email);
  };

  it('finds by equals, in and not_in', async () => {
    expect(await among(equals('bob@a.test'))).toEqual(['bob@a.test']);
    expect(await among(equals('BOB@a.test'))).toEqual([]);
    expect(await among(condition('in', 'cat@a.test', 'ann@a.test', 'x'))).toEqual(['ann@a.test', 'cat@a.test']);
    expect(await among(condition('not_in', 'ann@a.test', 'bob@a.test'))).toEqual(['cat@a.test', '']);
  });

  it('combines with and/or, with or without a field on the compound, to depth 3', async () => {
    const or = { operator: 'or', subfilters: [equals('ann@a.test'), equals('bob@a.test')] };
    const and = { operator: 'and', field: '', subfilters: [or, condition('not_in', 'ann@a.test')] };
    expect(await among(and)).toEqual(['bob@a.test']);
  });

  it('finds everybody without a filter, but nobody who is deactivated', async () => {
    const api = await start({ users: 4 });
    const [first = '', ...others] = api.world.users().map(({ id }) => id);
    api.world.deactivate(first);
    expect(ids(await search(api, {}))).toEqual(others);
  });

  it('pages by limit and cursor, 100 at a time unless told', async () => {
    const api = await start({ users: 150 });
    const one = await search(api, {});
    const two = await search(api, { cursor: pagination(one).cursor, limit: 999 });
    expect(ids(one)).toHaveLength(100);
    expect([...ids(one), ...ids(two)]).toEqual(api.world.users().map(({ id }) => id));
    expect(pagination(two)).toEqual({ cursor: '', has_next_page: false });
  });

  const nested = (depth: number): JsonObject =>
    depth === 1 ? equals('a') : { operator: 'and', subfilters: [nested(depth - 1)] };

  it('takes a filter tree of depth 3', async () => {
    expect((await search(await start(), { filter: nested(3) })).status).toBe(200);
  });

  it.each([
    [{ filter: nested(4) }, /deeper than the maximum of 3/],
    [{ limit: 0 }, /limit: must be greater than 0 and less than 1000/],
    [{ limit: 1000 }, /limit/],
    [{ limit: '10' }, /limit/],
    [{ cursor: 'x' }, /cursor/],
    [{ cursor: 5 }, /cursor: must be a string/],
    [{ filter: [] }, /filter: must be an object/],
    [{ filter: {} }, /operator is required/],
    [{ filter: { operator: 'like' } }, /unknown operator "like"/],
    [{ filter: { field: 'email', operator: 'contains', value: 'a' } }, /"contains" is not allowed for field "email"/],
    [{ filter: { operator: 'equals', value: 'a' } }, /needs a field/],
    [{ filter: { field: 'name', operator: 'equals', value: 'a' } }, /field "name" is not filterable/],
    [{ filter: { field: 'email', operator: 'equals' } }, /needs a value/],
    [{ filter: condition('in') }, /needs values/],
    [{ filter: { field: 'email', operator: 'in', values: [1] } }, /values must be a string/],
    [{ filter: { operator: 'or', subfilters: [] } }, /needs subfilters/],
    [{ filter: { operator: 'or', subfilters: ['a'] } }, /subfilters must be an object/],
    [{ filter: { ...equals('a'), subfilters: [] } }, /subfilters are valid only/],
  ])('refuses %j', async (body, message) => {
    expectError(await search(await start(), body), 400, message);
  });

  it('refuses a body that is not JSON', async () => {
    const api = await start();
    const headers = { authorization: `Bearer ${api.token}` };
    const response = await fetch(`${api.url}/users/search`, { method: 'POST', headers, body: '{"filter"' });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('not valid JSON');
  });
});

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
    const api = await startPylon({ users: 1, now: () => 0 });
    running.push(api);
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

describe('faults', () => {
  const page = (api: PylonApi, cursor: string) => ask(api, cursor === '' ? '/users?limit=10' : after(cursor, 10));

  it('strike from the chosen request on, as often as told, and leave other endpoints alone', async () => {
    const api = await start({ users: 5 });
    const fault = api.faults.add({
      when: { path: '/users', nth: 3 },
      answer: { kind: 'status', status: 429, headers: { 'X-Retry-After': '7' } },
      times: 2,
    });
    const statuses: number[] = [];
    for (let count = 0; count < 6; count += 1) {
      expect((await ask(api, '/me')).status).toBe(200);
      statuses.push((await ask(api, '/users')).status);
    }
    expect(statuses).toEqual([200, 200, 429, 429, 200, 200]);
    expect(fault.fired()).toBe(2);
  });

  it('answer in the API’s words with the chosen headers', async () => {
    const api = await start();
    const headers = { 'Retry-After': 'Wed, 21 Oct 2026 07:28:00 GMT' };
    api.faults.add({ answer: { kind: 'status', status: 429, headers } });
    api.faults.add({ answer: { kind: 'status', status: 500, message: 'boom' } });
    const refused = await ask(api, '/users');
    expectError(refused, 429, /./, 'rate_limited');
    expect(refused.headers.get('retry-after')).toBe(headers['Retry-After']);
    expectError(await ask(api, '/users'), 500, /boom/);
  });

  it('can be chosen by a function, by template, removed and cleared', async () => {
    const api = await start({ users: 1 });
    const down = { kind: 'status', status: 408 } as const;
    const one = api.faults.add({ when: ({ query, nth }) => query.has('cursor') && nth > 1, answer: down, times: 9 });
    api.faults.add({ when: { method: 'GET', path: '/users/{id}' }, answer: down, times: 9 });
    const status = async (path: string) => (await ask(api, path)).status;
    expect([await status('/users?cursor='), await status('/users'), await status('/users?cursor=')]).toEqual([
      200, 200, 408,
    ]);
    expect(await status('/users/x')).toBe(408);
    one.remove();
    expect(await status('/users?cursor=')).toBe(200);
    api.faults.clear();
    expect(await status('/users/x')).toBe(404);
  });

  it('spend the budget for a spoiled page but not for a gateway’s answer', async () => {
    const api = await start({ users: 1, limits: { list: 1 } });
    api.faults.add({ answer: ODD_ANSWERS.badGateway });
    expect((await raw(api, '/users')).status).toBe(502);
    api.faults.add({ answer: { kind: 'without_data' } });
    expect((await ask(api, '/users')).status).toBe(200);
    expect((await ask(api, '/users')).status).toBe(429);
  });

  it.each([
    ['badGateway', 502, 'text/html', /Bad Gateway/],
    ['html', 200, 'text/html; charset=utf-8', /^<!doctype html>/],
    ['empty', 200, 'application/json', /^$/],
    ['noContent', 204, null, /^$/],
    ['null', 200, 'application/json', /^null$/],
    ['errors', 200, 'application/json', /^\{"errors":\[".+"\],/],
  ] as const)('answer %s with status %i', async (name, status, type, body) => {
    const api = await start();
    api.faults.add({ answer: ODD_ANSWERS[name] });
    const response = await raw(api, '/users');
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe(type);
    expect(await response.text()).toMatch(body);
    expect(api.log).toMatchObject([{ status }]);
  });

  it('reset the connection before the answer, after its headers and in its body', async () => {
    const api = await start();
    const broken = { cause: { code: 'ECONNRESET' } };
    api.faults.add({ answer: { kind: 'reset' } });
    await expect(raw(api, '/users')).rejects.toMatchObject(broken);
    expect(api.log[0]?.status).toBeNull();
    for (const part of [0, 0.5]) {
      api.faults.add({ answer: { kind: 'reset', part } });
      await expect(raw(api, '/users').then((response) => response.text())).rejects.toMatchObject(broken);
      expect(api.log.at(-1)?.status).toBe(200);
    }
    expect((await ask(api, '/users')).status).toBe(200);
  });

  it('cut a body short as if it were whole', async () => {
    const api = await start();
    const whole = (await ask(api, '/users')).text;
    api.faults.add({ answer: { kind: 'cut', part: 0.25 } });
    const response = await raw(api, '/users');
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(Buffer.byteLength(text)).toBeLessThan(Buffer.byteLength(whole) / 3);
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
  });

  it('answer late by the chosen time, and truly', async () => {
    const waits: number[] = [];
    const api = await start({ users: 1, wait: async (ms) => waits.push(ms) });
    api.faults.add({ answer: { kind: 'slow', ms: 5000 } });
    expect(ids(await ask(api, '/users'))).toHaveLength(1);
    expect(waits).toEqual([5000]);
  });

  it('do not keep a server from closing while an answer is slow', async () => {
    const api = await start();
    api.faults.add({ answer: { kind: 'slow', ms: 600_000 } });
    const pending = expect(raw(api, '/users')).rejects.toThrow();
    await expect.poll(() => api.log.length).toBe(1);
    await api.close();
    await pending;
  });

  it('leave out data while a next page is announced, or the pagination', async () => {
    const api = await start({ users: 30 });
    api.faults.add({ answer: { kind: 'without_data' } });
    const bare = await page(api, '');
    expect(bare.body).not.toHaveProperty('data');
    expect(pagination(bare).has_next_page).toBe(true);
    api.faults.add({ answer: { kind: 'without_pagination' } });
    const last = await page(api, '');
    expect(ids(last)).toHaveLength(10);
    expect(last.body).not.toHaveProperty('pagination');
  });

  it('repeat a cursor', async () => {
    const api = await start({ users: 30 });
    const { cursor } = pagination(await page(api, ''));
    api.faults.add({ answer: { kind: 'repeat_cursor' } });
    expect(pagination(await page(api, cursor))).toEqual({ cursor, has_next_page: true });
    expect(pagination(await page(api, cursor)).cursor).not.toBe(cursor);
  });

  it('put the first user on a later page once more', async () => {
    const api = await start({ users: 20 });
    api.faults.add({ when: { path: '/users', nth: 2 }, answer: { kind: 'duplicate' } });
    const listed = api.world.users().map(({ id }) => id);
    expect(await readAll(api, 10)).toEqual([...listed, listed[0]]);
  });

  it('put a malformed record where it is wanted, numbers to the last digit', async () => {
    const api = await start({ users: 2 });
    api.faults.add({ answer: { kind: 'record', json: '{"id":"x","big":12345678901234567890}', at: 1 } });
    expect((await ask(api, '/users')).text).toContain(',{"id":"x","big":12345678901234567890},');
    for (const json of ['{"name":"no id"}', '17', 'null', '{"id":"y","name":{"first":"A"}}']) {
      api.faults.add({ answer: { kind: 'record', json } });
      expect(records(await ask(api, '/users'))[2]).toEqual(JSON.parse(json));
    }
  });

  it('never end a listing: cursors always new, users the same or new', async () => {
    const api = await start({ users: 15 });
    for (const users of ['same', 'new'] as const) {
      const fault = api.faults.add({ answer: { kind: 'endless', users }, times: Number.POSITIVE_INFINITY });
      const cursors = [''];
      const pages: Json[] = [];
      for (let count = 0; count < 6; count += 1) {
        const answered = await page(api, cursors.at(-1) ?? '');
        expect(pagination(answered).has_next_page).toBe(true);
        cursors.push(pagination(answered).cursor);
        pages.push(ids(answered).join());
      }
      expect(new Set(cursors).size).toBe(7);
      expect(new Set(pages).size).toBe(users === 'same' ? 2 : 6);
      fault.remove();
    }
  });

  it('refuse query parameters as a server does that has none', async () => {
    const api = await start({ users: 3 });
    api.faults.add(REFUSES_QUERY);
    expectError(await ask(api, '/users?limit=999'), 400, /unknown query parameter/);
    expect(ids(await ask(api, '/users'))).toHaveLength(3);
    expectError(await ask(api, '/users?cursor=a'), 400, /unknown query parameter/);
  });
});
