import nock from 'nock';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Request } from '../../src/contract/io.ts';
import { all, errorOf, LIST, TOKEN, testIo, WRITE } from './http.fixture.ts';

const BASE = 'https://api.users.test';
const GET: Request = { call: 'get', endpoint: 'GET /users/{id}', path: '/users/u1' };
const FOUND: Request = { ...GET, accept: [404] };
const HTML = { 'content-type': 'text/html' };

beforeAll(() => {
  nock.disableNetConnect();
});
afterEach(() => {
  nock.cleanAll();
});
afterAll(() => {
  nock.restore();
});

const api = () => nock(BASE);

describe('errors of the API', () => {
  test.each([
    [401, 'auth'],
    [403, 'permission'],
    [404, 'bad-data'],
    [400, 'bad-data'],
    [409, 'bad-data'],
    [410, 'bad-data'],
    [422, 'bad-data'],
    [418, 'bad-data'],
  ])('%i is %s, told once with all that the vendor said', async (status, kind) => {
    api()
      .get('/users/u1')
      .reply(status, { errors: ['Not so.'], code: 'no_way' }, { 'x-pylon-request-id': 'req-9' });
    const { io, seen } = testIo(BASE);
    const error = await errorOf(io.send(GET));
    expect(error).toMatchObject({ kind, status, connection: 'support', step: 'GET /users/{id}' });
    for (const words of ['support', 'GET /users/{id}', String(status), 'Not so', 'no_way', 'req-9']) {
      expect(error.message).toContain(words);
    }
    expect(seen.sent).toBe(1);
  });

  test("the source's advice replaces the general one", async () => {
    api().get('/users/u1').reply(401, { code: 'wrong_region_token' });
    const advice = 'set region: eu';
    const { io } = testIo(BASE, { api: { base: BASE, headers: {}, failure: () => ({ advice, request_id: 'own' }) } });
    const { message } = await errorOf(io.send(GET));
    expect(message).toContain(advice);
    expect(message).toContain('own');
    expect(message).not.toContain('Check the token');
  });

  test('a body that is not JSON is quoted as the page of a proxy and never parsed', async () => {
    api().get('/users/u1').reply(403, '<html><title>Access denied by Edge</title></html>', HTML);
    const { io } = testIo(BASE);
    const error = await errorOf(io.send(GET));
    expect(error.kind).toBe('permission');
    expect(error.message).toMatch(/proxy or gateway.*"Access denied by Edge"/);
  });

  test('secrets that a server sends back are not told, nor kept in the cause', async () => {
    const words = `token ${TOKEN}, ${encodeURIComponent(TOKEN)}, ${btoa(TOKEN)}, key-77aa and my-hash-key`;
    api()
      .get('/users/u1')
      .reply(400, { errors: [words] });
    const { io } = testIo(BASE, { secrets: ['my-hash-key'] });
    const { message } = await errorOf(io.send(GET));
    expect(message).toContain('token ***, ***, ***, *** and ***');
  });

  test('escape sequences of a server do not reach the terminal', async () => {
    api()
      .get('/users/u1')
      .reply(400, { errors: ['\u001b[2Jcleared\nline'] });
    const { io } = testIo(BASE);
    expect((await errorOf(io.send(GET))).message).not.toMatch(/\p{Cc}/u);
  });
});

describe('short trouble', () => {
  test.each([500, 502, 503, 504, 408])('%i is asked again with backoff until it passes', async (status) => {
    api().get('/users/u1').times(2).reply(status, 'oops', HTML).get('/users/u1').reply(200, { id: 'u1' });
    const { io, seen } = testIo(BASE);
    expect((await io.send(GET)).body).toEqual({ id: 'u1' });
    expect(seen.waits).toEqual([
      [250, 'backoff'],
      [500, 'backoff'],
    ]);
    expect(seen.retried).toEqual([`status ${status}`, `status ${status}`]);
    expect(seen.statuses).toEqual([status, status, 200]);
    expect(seen.waited).toBe(750);
  });

  test('that stays is a transient error after four retries', async () => {
    api().get('/users/u1').times(9).reply(502, '<title>Bad Gateway</title>', HTML);
    const { io, seen } = testIo(BASE);
    const error = await errorOf(io.send(GET));
    expect(error).toMatchObject({ kind: 'transient', status: 502, retryable: true });
    expect(error.message).toContain('Bad Gateway');
    expect(seen.sent).toBe(5);
  });

  test.each([
    ['an HTML page', '<html><title>Just a moment</title>', HTML, /Just a moment/],
    ['text', 'all good', { 'content-type': 'text/plain' }, /all good/],
    ['cut JSON', '{"data":[1,', { 'content-type': 'application/json' }, /cut short/],
    ['two documents', '{"data":[]}{"data":[]}', { 'content-type': 'application/json' }, /not valid JSON/],
    ['nothing', '', { 'content-type': 'application/json' }, /no body/],
    ['null', 'null', { 'content-type': 'application/json' }, /null/],
    ['a scalar', '3', { 'content-type': 'application/json' }, /number/],
  ])('status 200 with %s is asked again, and then an error that says so', async (_what, body, headers, words) => {
    api().get('/users').times(10).reply(200, body, headers);
    const { io, seen } = testIo(BASE);
    const reading = await errorOf(all(io.read(LIST, 'data')));
    const sending = await errorOf(io.send(LIST));
    for (const error of [reading, sending]) {
      expect(error).toMatchObject({ kind: 'transient', status: 200 });
      expect(error.message).toMatch(words);
    }
    expect(seen.sent).toBe(10);
  });

  test('a page of a proxy that passes costs a retry, not the listing', async () => {
    api()
      .get('/users')
      .reply(200, '<html>', HTML)
      .get('/users')
      .reply(200, { data: [1], more: false });
    const { io } = testIo(BASE);
    expect(await all(io.read(LIST, 'data'))).toMatchObject([{ items: [1], envelope: { more: false }, found: true }]);
  });
});

describe('answers', () => {
  test('204 is null for send, and no page for read', async () => {
    api().get('/users/u1').reply(204).get('/users').times(5).reply(204);
    const { io } = testIo(BASE);
    expect(await io.send(GET)).toMatchObject({ status: 204, body: null });
    expect((await errorOf(all(io.read(LIST, 'data')))).message).toContain('no body');
  });

  test('an accepted 404 is an answer when the API gave it', async () => {
    api()
      .get('/users/u1')
      .reply(404, { errors: ['not found'] });
    const { io } = testIo(BASE);
    expect(await io.send(FOUND)).toMatchObject({ status: 404, body: { errors: ['not found'] } });
  });

  test.each([
    ['an HTML page', '<title>404</title>', HTML],
    ['plain text', '404 page not found', { 'content-type': 'text/plain' }],
    ['nothing', '', {}],
    ['a JSON list', '[]', { 'content-type': 'application/json' }],
  ])('an accepted 404 with %s is trouble, not an answer', async (_what, body, headers) => {
    api().get('/users/u1').times(5).reply(404, body, headers);
    const { io, seen } = testIo(BASE);
    expect(await errorOf(io.send(FOUND))).toMatchObject({ kind: 'transient', status: 404 });
    expect(seen.sent).toBe(5);
  });

  test('headers reach the reader with each part', async () => {
    api().get('/users').reply(200, [1], { 'x-total-results-count': '1' });
    const { io } = testIo(BASE);
    const [part] = await all(io.read(LIST, null));
    expect(part?.headers['x-total-results-count']).toBe('1');
  });

  test('what is sent has the headers of the API and a body with its long numbers', async () => {
    const search: Request = { call: 'search', endpoint: 'POST /s', method: 'POST', path: '/s', body: { limit: 9 } };
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    nock(BASE, { reqheaders: headers }).post('/s', { limit: 9 }).reply(200, { data: [] });
    const { io } = testIo(BASE);
    expect((await io.send(search)).body).toEqual({ data: [] });
  });
});

describe('rate limits', () => {
  test('the wait of the server is kept to exactly, and does not use up the retries', async () => {
    api().get('/users/u1').times(7).reply(429, {}, { 'x-retry-after': '3' }).get('/users/u1').reply(200, {});
    const { io, seen } = testIo(BASE);
    await io.send(GET);
    expect(seen.waits).toEqual(Array(7).fill([3_000, 'rate-limit']));
  });

  test('a date is understood', async () => {
    api().get('/users/u1').reply(503, {}, { 'retry-after': 'Sun, 01 Nov 2026 00:00:09 GMT' });
    api().get('/users/u1').reply(200, {});
    const { io, seen } = testIo(BASE);
    await io.send(GET);
    expect(seen.waits).toEqual([[9_000, 'rate-limit']]);
  });

  test('falls back to backoff when Retry-After is malformed', async () => {
    api().get('/users/u1').reply(429, {}, { 'retry-after': '-7' }).get('/users/u1').reply(200, {});
    const { io, seen } = testIo(BASE);
    await io.send(GET);
    expect(seen.waits).toEqual([[250, 'rate-limit']]);
  });

  test('a wait beyond the patience ends at once, and says how long and what becomes of the scan', async () => {
    api().get('/users').reply(429, { code: 'rate_limited' }, { 'x-retry-after': '95' });
    const { io, seen } = testIo(BASE, { patienceMs: 10_000 });
    const error = await errorOf(all(io.read(LIST, 'data')));
    expect(error).toMatchObject({ kind: 'rate-limited', retryAfterMs: 95_000, connection: 'support', status: 429 });
    expect(error.message).toMatch(/95 s.*scan stays open/);
    expect(seen.waits).toEqual([]);
  });

  test('waits add up to the patience, whatever lies between them', async () => {
    api().get('/users').times(9).reply(429, {}, { 'retry-after': '4' });
    const { io, seen } = testIo(BASE, { patienceMs: 10_000 });
    expect((await errorOf(io.send(LIST))).kind).toBe('rate-limited');
    expect(seen.waits).toHaveLength(2);
  });
});

describe('budgets', () => {
  test('are spent before every send, retries included, and their waits cost no patience', async () => {
    api().get('/users/u1').reply(500, {}).get('/users/u1').times(3).reply(200, {});
    const limits = { list: 0, get: 2, search: 0, write: 0 };
    const { io, seen } = testIo(BASE, { limits, patienceMs: 0 });
    await io.send(GET);
    await io.send(GET);
    expect(seen.waits).toEqual([
      [250, 'backoff'],
      [60_250, 'budget'],
    ]);
  });

  test('are one for each endpoint of a connection', async () => {
    const buckets: [string, number][] = [];
    const budget = {
      spend: async (bucket: string, limit: number) => {
        buckets.push([bucket, limit]);
        return 0;
      },
    };
    api().get('/users/u1').reply(200, {}).get('/users').reply(200, {});
    const { io } = testIo(BASE, { budget, limits: { list: 60, get: 20, search: 0, write: 0 } });
    await io.send(GET);
    await io.send(LIST);
    expect(buckets).toEqual([
      ['support GET /users/{id}', 20],
      ['support GET /users', 60],
    ]);
  });
});

describe('writes', () => {
  test.each([500, 502, 503, 408])('%i is not sent again, and the doubt is told', async (status) => {
    api()
      .patch('/users/u1')
      .times(2)
      .reply(status, { errors: ['x'] });
    const { io, seen } = testIo(BASE);
    const error = await errorOf(io.send(WRITE));
    expect(error).toMatchObject({ kind: 'transient', status });
    expect(error.message).toContain('not known');
    expect(seen.sent).toBe(1);
  });

  test('429 was not carried out, so it is sent again', async () => {
    api().patch('/users/u1').reply(429, {}, { 'retry-after': '2' }).patch('/users/u1', { name: 'A' }).reply(200, {});
    const { io, seen } = testIo(BASE);
    expect((await io.send(WRITE)).status).toBe(200);
    expect(seen.sent).toBe(2);
  });

  test('503 with Retry-After may be the word of a gateway: it is in doubt, and the time is told', async () => {
    api().patch('/users/u1').times(2).reply(503, {}, { 'retry-after': '2' });
    const { io, seen } = testIo(BASE);
    expect(await errorOf(io.send(WRITE))).toMatchObject({ inDoubt: true, retryAfterMs: 2000 });
    expect(seen.sent).toBe(1);
  });

  test('an answer that cannot be read is not asked for again', async () => {
    api().patch('/users/u1').times(2).reply(200, '<html>', HTML);
    const { io, seen } = testIo(BASE);
    expect(await errorOf(io.send(WRITE))).toMatchObject({ kind: 'transient', status: 200 });
    expect(seen.sent).toBe(1);
  });
});

test('an unknown host is told with its port and the setting to check, after few retries', async () => {
  api()
    .get('/users')
    .times(9)
    .replyWithError(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }));
  const { io, seen } = testIo(BASE);
  const error = await errorOf(all(io.read(LIST, 'data')));
  expect(error.kind).toBe('transient');
  expect(error.message).toMatch(/api\.users\.test:443.*DNS.*base_url or region/);
  expect(seen.sent).toBe(3);
  expect(seen.statuses).toEqual(['error', 'error', 'error']);
});
