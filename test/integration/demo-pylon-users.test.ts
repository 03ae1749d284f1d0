import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/json.ts';
import { ask, expectError, ids, pagination, records, search, start } from '../support/pylon.ts';

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
