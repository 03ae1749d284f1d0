import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/json.ts';
import type { FaultAnswer } from '../../src/demo/pylon/faults.ts';
import { emailFilters, type Filter, searchRequest } from '../../src/sources/pylon-search.ts';
import { CONNECTION, connectPylon, failure, findAll, startPylonApi } from '../support/sources.ts';

const ODD_IDS = ['a/b', 'a|b', 'a%2Fb', '100%', 'a?b#c', 'a b', 'a+b', 'a&b=c', '\u00fc', '\u{1F469}', "o'hara", '...'];
const ONE = { path: '/users/{id}' } as const;

describe('a lookup by id', () => {
  test.each(ODD_IDS)('finds the user %j', async (id) => {
    const api = await startPylonApi(3);
    api.world.add({ id, name: 'Odd' });
    const { reader } = connectPylon(api);
    expect(await findAll(reader, { ids: [id] })).toMatchObject([{ id, name: 'Odd' }]);
    expect((await reader.absent(id)).absence).not.toBe('gone');
    api.world.remove(id);
    expect(await reader.absent(id)).toEqual({ absence: 'gone' });
  });

  test('sends the id percent-encoded, as one piece of the path', async () => {
    const api = await startPylonApi(0);
    await findAll(connectPylon(api).reader, { ids: ['a/b|c%d', '\u00fc'] });
    expect(api.log.map((entry) => entry.path)).toEqual(['/users/a%2Fb%7Cc%25d', '/users/%C3%BC']);
  });

  test.each(['.', '..'])('is not sent for the id %j, which would reach another endpoint', async (id) => {
    const api = await startPylonApi(1);
    api.world.add({ id });
    const error = await failure(connectPylon(api).reader.absent(id));
    expect(error.message).toMatch(/id of dots/);
    expect(api.log).toEqual([]);
  });

  test('leaves out whom the API does not know', async () => {
    const api = await startPylonApi(3);
    const [first] = api.world.users();
    const ids = ['nobody', first?.id ?? '', 'no one'];
    expect(await findAll(connectPylon(api).reader, { ids })).toMatchObject([{ id: first?.id }]);
  });

  test('does not leave out whom a proxy does not know', async () => {
    const api = await startPylonApi(3);
    const answer: FaultAnswer = { kind: 'body', status: 404, type: 'text/html', body: '<title>Not here</title>' };
    api.faults.add({ when: ONE, answer, times: Number.POSITIVE_INFINITY });
    const error = await failure(findAll(connectPylon(api).reader, { ids: ['u1'] }));
    expect(error).toMatchObject({ kind: 'transient', connection: CONNECTION });
    expect(error.message).toMatch(/proxy or gateway/);
  });
});

describe('an absence', () => {
  const idAt = (api: Awaited<ReturnType<typeof startPylonApi>>, at: number): string => api.world.users()[at]?.id ?? '';

  test('is inactive for a deactivated user, with his record', async () => {
    const api = await startPylonApi(3);
    const id = idAt(api, 1);
    api.world.deactivate(id);
    const verdict = await connectPylon(api).reader.absent(id);
    expect(verdict).toMatchObject({ absence: 'inactive', record: { id } });
  });

  test('is present where the listings have deactivated users, too', async () => {
    const api = await startPylonApi(3);
    const id = idAt(api, 1);
    api.world.deactivate(id);
    expect(await connectPylon(api, { include_deactivated: true }).reader.absent(id)).toMatchObject({
      absence: 'present',
    });
  });

  const noAnswers: readonly [what: string, answer: FaultAnswer, kind: string][] = [
    ['a proxy’s 404', { kind: 'body', status: 404, type: 'text/html', body: '<title>x</title>' }, 'transient'],
    ['a 404 that is a page of text', { kind: 'body', status: 404, type: 'text/plain', body: 'not found' }, 'transient'],
    ['a 404 without a body', { kind: 'body', status: 404, body: '' }, 'transient'],
    ['a 404 in other words', { kind: 'body', status: 404, body: '{"message":"no route"}' }, 'bad-data'],
    ['another user', { kind: 'body', body: '{"data":{"id":"somebody else"}}' }, 'bad-data'],
    ['nobody', { kind: 'body', body: '{"data":null}' }, 'bad-data'],
    ['an errors object with 200', { kind: 'body', body: '{"errors":["no such user"]}' }, 'bad-data'],
    ['410', { kind: 'status', status: 410 }, 'bad-data'],
    ['403', { kind: 'status', status: 403, code: 'permission_denied' }, 'permission'],
    ['401', { kind: 'status', status: 401, code: 'invalid_api_token' }, 'auth'],
    ['500', { kind: 'status', status: 500 }, 'transient'],
  ];

  test.each(noAnswers)('is not told by %s', async (_what, answer, kind) => {
    const api = await startPylonApi(3);
    const id = idAt(api, 1);
    api.world.remove(id);
    api.faults.add({ when: ONE, answer, times: Number.POSITIVE_INFINITY });
    const error = await failure(connectPylon(api).reader.absent(id));
    expect(error.kind).toBe(kind);
    expect(error.message).not.toContain(api.token);
  });
});

describe('a lookup by address', () => {
  const searches = (api: Awaited<ReturnType<typeof startPylonApi>>): number =>
    api.log.filter((entry) => entry.path === '/users/search' && entry.status === 200).length;

  test('asks once for one address and finds everybody who has it', async () => {
    const api = await startPylonApi(0);
    for (const id of ['u1', 'u2']) api.world.add({ id, email: 'shared@acme.test' });
    api.world.add({ id: 'u3', email: 'other@acme.test' });
    expect(await findAll(connectPylon(api).reader, { emails: ['shared@acme.test'] })).toMatchObject([
      { id: 'u1' },
      { id: 'u2' },
    ]);
    expect(searches(api)).toBe(1);
  });

  test('asks in pieces for many and finds each', async () => {
    const api = await startPylonApi(0);
    const emails = Array.from({ length: 1100 }, (_, i) => `person${i}@acme.test`);
    for (const email of emails) api.world.add({ email });
    const found = await findAll(connectPylon(api).reader, { emails });
    expect(found.map((user) => user.email)).toEqual(emails);
    expect(searches(api)).toBe(3);
  });

  test('follows the pages of its answer', async () => {
    const api = await startPylonApi(0);
    for (let i = 0; i < 1500; i += 1) api.world.add({ email: 'shared@acme.test' });
    const found = await findAll(connectPylon(api).reader, { emails: ['shared@acme.test'] });
    expect(new Set(found.map((user) => user.id)).size).toBe(1500);
    expect(searches(api)).toBe(2);
  });
});

describe('the filters of addresses', () => {
  test('are equals for one and in for more, in pieces that one request holds', () => {
    expect([...emailFilters([])]).toEqual([]);
    expect([...emailFilters(['a@x.test'])]).toEqual([{ field: 'email', operator: 'equals', value: 'a@x.test' }]);
    expect([...emailFilters(['a@x.test', 'b@x.test'])]).toEqual([
      { field: 'email', operator: 'in', values: ['a@x.test', 'b@x.test'] },
    ]);
    const many = Array.from({ length: 1001 }, (_, i) => `p${i}@x.test`);
    const filters = [...emailFilters(many)];
    expect(filters.flatMap((filter) => ('values' in filter ? filter.values : []))).toEqual(many);
    expect(filters.every((filter) => 'values' in filter && filter.values.length <= 500)).toBe(true);
  });
});

describe('a search', () => {
  const email: Filter = { field: 'email', operator: 'equals', value: 'ada@acme.test' };
  const nested = (levels: number): Filter =>
    levels === 1 ? email : { operator: levels % 2 === 0 ? 'and' : 'or', subfilters: [email, nested(levels - 1)] };

  test.each([1, 2, 3])('of %i levels is sent as Pylon documents it', (levels) => {
    const request = searchRequest(nested(levels), 999, 'c1');
    expect(request).toMatchObject({ call: 'search', method: 'POST', path: '/users/search' });
    expect(request.body).toEqual({ filter: nested(levels), limit: 999, cursor: 'c1' });
    expect(searchRequest(email, 1, null).body).toEqual({ filter: email, limit: 1 });
  });

  test('of four levels is refused before it is sent', () => {
    expect(() => searchRequest(nested(4), 100, null)).toThrow(/3 levels/);
  });

  test.each([0, 1000, -1, 1.5, Number.NaN])('with limit %d is refused before it is sent', (limit) => {
    expect(() => searchRequest(email, limit, null)).toThrow(/limit of 1 to 999/);
  });

  test('of every operator for users, in three levels, is one that the API takes', async () => {
    const api = await startPylonApi(3);
    const some: Filter = { field: 'email', operator: 'in', values: ['ada@acme.test'] };
    const none: Filter = { field: 'email', operator: 'not_in', values: ['x@acme.test'] };
    const filter: Filter = { operator: 'or', subfilters: [{ operator: 'and', subfilters: [some, none] }, email] };
    const { body, path, method } = searchRequest(filter, 999, null);
    const answer = await fetch(`${api.url}${path}`, {
      method: method ?? 'GET',
      headers: { authorization: `Bearer ${api.token}` },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
    // An answer of the demo API's search.
    expect((await answer.json()) as JsonObject).toMatchObject({ data: [] });
  });
});
