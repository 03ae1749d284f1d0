import { expect, test } from 'vitest';
import { isObject } from '../../src/contract/json.ts';
import { cursorPages, type Page, type PagePlan } from '../../src/http/pages.ts';
import { all, errorOf, json, LIST, loopback, steps } from './http.fixture.ts';

const PLAN: PagePlan = {
  request: (cursor) => ({ ...LIST, query: { cursor: cursor ?? undefined } }),
  items: 'data',
  more: ({ pagination }) => {
    const place = isObject(pagination) ? pagination : {};
    return { more: place.has_next_page === true, cursor: typeof place.cursor === 'string' ? place.cursor : null };
  },
};

const page = (data: unknown, cursor: string | null = null) =>
  json({ data, pagination: { cursor: cursor ?? '', has_next_page: cursor !== null }, request_id: 'r' });
const missing = json({ pagination: { cursor: 'c2', has_next_page: true } });

const { talking } = loopback();

async function listing(...answers: Parameters<typeof steps>) {
  const listener = steps(...answers);
  const test = await talking(listener);
  const pages = async (from: string | null): Promise<Page[]> => {
    const got: Page[] = [];
    for await (const one of cursorPages(test.io, PLAN, from)) got.push(one);
    return got;
  };
  return { ...test, pages, urls: () => listener.requests.map((request) => request.url) };
}

test('pages are followed by their cursor to the end', async () => {
  const { pages, urls } = await listing(page([1, 2], 'c/2'), page([3], 'c 3'), page([]));
  expect(await pages(null)).toEqual([
    { items: [1, 2], next: 'c/2', last: false, first: true },
    { items: [3], next: 'c 3', last: false, first: true },
    { items: [], next: null, last: true, first: true },
  ]);
  expect(urls()).toEqual(['/users', '/users?cursor=c%2F2', '/users?cursor=c%203']);
});

test('a long page comes in pieces, and its cursor with the last of them', async () => {
  const users = Array.from({ length: 9_000 }, (_, i) => ({ id: `u${i}`, name: 'x'.repeat(600) }));
  const { pages } = await listing(page(users, 'c2'), page([]));
  const got = await pages(null);
  const long = got.slice(0, -1);
  expect(long.length).toBeGreaterThan(3);
  expect(long.flatMap((one) => one.items)).toEqual(users);
  expect(long.map((one) => one.next)).toEqual([...Array(long.length - 1).fill(null), 'c2']);
  expect(long.map((one) => one.first)).toEqual([true, ...Array(long.length - 1).fill(false)]);
  expect(got.map((one) => one.last)).toEqual([...Array(long.length).fill(false), true]);
});

test('an answer without pagination is the end', async () => {
  const { pages } = await listing(json({ data: [1] }));
  expect(await pages(null)).toEqual([{ items: [1], next: null, last: true, first: true }]);
});

test('a page without its list is asked for again, and the listing goes on', async () => {
  const { pages, urls, seen } = await listing(page([1], 'c1'), missing, missing, page([2]));
  expect((await pages(null)).flatMap((one) => one.items)).toEqual([1, 2]);
  expect(urls()).toEqual(['/users', '/users?cursor=c1', '/users?cursor=c1', '/users?cursor=c1']);
  expect(seen.waits).toEqual([
    [250, 'backoff'],
    [500, 'backoff'],
  ]);
  expect(seen.retried).toEqual(['list missing', 'list missing']);
});

test('every page has its own five tries to bring its list', async () => {
  const thrice = [missing, missing, missing];
  const { pages } = await listing(...thrice, page([1], 'c1'), ...thrice, page([2]));
  expect((await pages(null)).flatMap((one) => one.items)).toEqual([1, 2]);
});

test('a page that never brings its list fails loudly after five more tries', async () => {
  const { pages, seen } = await listing(missing);
  const error = await errorOf(pages(null));
  expect(error).toMatchObject({ kind: 'bad-data', connection: 'support', step: 'GET /users' });
  expect(error.message).toContain('support');
  expect(error.message).toContain('"data"');
  expect(seen.sent).toBe(6);
});

test.each([
  ['neither list nor more', json({ request_id: 'r' }), /without its list/],
  ['an errors object', json({ errors: ['try later'] }), /"errors"/],
  ['more, but no cursor', json({ data: [1], pagination: { has_next_page: true } }), /no cursor/],
  ['more, and an empty cursor', json({ data: [1], pagination: { has_next_page: true, cursor: '' } }), /no cursor/],
  ['a list of its own', json([1, 2]), /without its list/],
])('%s is an error, not the end', async (_what, answer, words) => {
  const { pages } = await listing(answer);
  const error = await errorOf(pages(null));
  expect(error.kind).toBe('bad-data');
  expect(error.message).toMatch(words);
});

test.each([400, 404, 410])('a %i to a cursor says that the cursor is refused', async (status) => {
  const { pages } = await listing(json({ errors: ['bad cursor'] }, status));
  const error = await errorOf(pages('old'));
  expect(error).toMatchObject({ kind: 'bad-data', status, cursorRefused: true, connection: 'support' });
});

test('the same refusal without a cursor, or another status, is no refused cursor', async () => {
  const { pages } = await listing(json({ errors: ['bad'] }, 400), json({ errors: ['no'] }, 403));
  expect((await errorOf(pages(null))).cursorRefused).toBe(false);
  expect((await errorOf(pages('old'))).cursorRefused).toBe(false);
});

test("a gateway's page with 404 does not refuse a cursor", async () => {
  const { pages } = await listing((_request, response) => {
    response.writeHead(404, { 'content-type': 'text/html' }).end('<title>Not Found</title>');
  });
  expect(await errorOf(pages('old'))).toMatchObject({ kind: 'transient', cursorRefused: false });
});

test('an abort ends the wait before a page is asked for again', async () => {
  const { io, controller } = await listing(missing);
  const reading = all(
    (async function* () {
      for await (const one of cursorPages(io, PLAN, null)) yield { ...one, envelope: null, found: true, headers: {} };
    })(),
  );
  controller.abort();
  await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
});
