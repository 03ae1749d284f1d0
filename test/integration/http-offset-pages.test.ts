import type { RequestListener } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/json.ts';
import { type OffsetPage, type OffsetPlan, offsetPages } from '../../src/http/offset-pages.ts';
import { errorOf, LIST, loopback } from './http.fixture.ts';

const PLAN: OffsetPlan = {
  request: (offset, limit) => ({ ...LIST, query: { offset, limit: limit ?? undefined } }),
  limit: 10,
  overlap: 3,
};

const { talking } = loopback();

/** What the server does with a request for some rows. */
type Serve = (rows: readonly Json[], offset: number, limit: number) => Json;

const rowsOf = (count: number): Json[] => Array.from({ length: count }, (_, n) => ({ id: `u${n}` }));

/** True for a request that the server refuses with 400. */
type Refuse = (asked: { readonly nth: number; readonly limited: boolean }) => boolean;

/** A listing of rows that `between` may change before the nth request. */
async function listing(
  rows: Json[],
  serve: Serve,
  between: (nth: number) => void = () => undefined,
  refuse: Refuse = () => false,
) {
  const asked: string[] = [];
  const listener: RequestListener = ({ url = '' }, response) => {
    asked.push(url.replace('/users?', ''));
    between(asked.length);
    const { searchParams } = new URL(url, 'http://offset.test');
    if (refuse({ nth: asked.length, limited: searchParams.has('limit') })) {
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"message":"failed to fetch"}');
      return;
    }
    const body = serve(rows, Number(searchParams.get('offset')), Number(searchParams.get('limit') ?? 4));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const { io } = await talking(listener);
  const read = (from: string | null = null): Promise<OffsetPage[]> => Array.fromAsync(offsetPages(io, PLAN, from));
  return { read, asked, io };
}

const capped =
  (most: number): Serve =>
  (rows, offset, limit) =>
    rows.slice(offset, offset + Math.min(most, limit));

const itemsOf = (pages: readonly OffsetPage[]): Json[] => pages.flatMap((page) => [...page.items]);

describe('a listing by offset', () => {
  test.each([0, 1, 2, 3, 4, 9, 10, 11, 17, 18, 40])(
    'of %i rows is read whole, each once, with a total and without',
    async (count) => {
      const rows = rowsOf(count);
      const totalled: Serve = (all, offset, limit) => ({ total: all.length, list: all.slice(offset, offset + limit) });
      for (const serve of [capped(99), capped(7), totalled]) {
        const { read } = await listing(rows, serve);
        const pages = await read();
        expect(itemsOf(pages)).toEqual(rows);
        expect(pages.map(({ next }) => next === null)).toEqual([...pages.slice(1).map(() => false), true]);
      }
    },
  );

  test('goes on from each of its places with exactly the rest', async () => {
    const { read } = await listing(rowsOf(40), capped(99));
    const pages = await read();
    for (const [i, { next }] of pages.entries()) {
      if (next !== null) expect(itemsOf(await read(next))).toEqual(itemsOf(pages.slice(i + 1)));
    }
  });

  test.each([1, 5, 9, 25])('misses nobody when %i rows before it go', async (gone) => {
    const rows = rowsOf(60);
    const { read } = await listing(rows, capped(99), (nth) => void (nth === 5 && rows.splice(0, gone)));
    expect(itemsOf(await read())).toEqual(rowsOf(60));
  });

  test('misses nobody when its place is from before rows went', async () => {
    const rows = rowsOf(60);
    const { read } = await listing(rows, capped(99));
    const [, second] = await read();
    rows.splice(0, 12);
    const rest = itemsOf(await read(second?.next ?? ''));
    expect(rest).toEqual(expect.arrayContaining(rowsOf(60).slice(17)));
  });

  test('repeats nobody when rows come in before it', async () => {
    const rows = rowsOf(40);
    const fresh = Array.from({ length: 15 }, (_, n) => ({ id: `new${n}` }));
    const { read } = await listing(rows, capped(99), (nth) => void (nth === 3 && rows.unshift(...fresh)));
    const ids = itemsOf(await read()).map((row) => JSON.stringify(row));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(rowsOf(40).map((row) => JSON.stringify(row))));
  });

  test('gives a row again that has changed since', async () => {
    const rows = rowsOf(20);
    const renamed = { id: 'u9', name: 'Renamed' };
    const { read } = await listing(rows, capped(99), (nth) => void (nth === 2 && rows.splice(9, 1, renamed)));
    expect(itemsOf(await read())).toEqual([...rowsOf(10), renamed, ...rowsOf(20).slice(10)]);
  });

  test('of a server that does not page ends with its first answer', async () => {
    const { read, asked } = await listing(rowsOf(35), (rows) => [...rows]);
    expect(itemsOf(await read())).toHaveLength(35);
    expect(asked).toHaveLength(1);
  });

  test('never ends with an empty page while the total says more', async () => {
    const { read, asked } = await listing(rowsOf(30), (rows, offset) => ({
      total: 30,
      list: offset < 10 ? rows.slice(offset, offset + 10) : [],
    }));
    expect(await errorOf(read())).toMatchObject({ kind: 'bad-data', message: expect.stringMatching(/there are 30/) });
    expect(asked.length).toBeLessThan(20);
  });

  test.each([120, 45, 13])('of %i rows is never complete where the server ignores offsets', async (count) => {
    const { read, asked } = await listing(rowsOf(count), (rows) => ({ total: count, list: rows.slice(0, 10) }));
    expect(await errorOf(read())).toMatchObject({ kind: 'bad-data', message: expect.stringMatching(/the same users/) });
    expect(asked.length).toBeLessThan(20);
  });

  test.each([(n: number) => n, () => 12, () => 0])('is read to its end where the total counts less', async (count) => {
    const { read } = await listing(rowsOf(40), (rows, offset, limit) => {
      const list = rows.slice(offset, offset + limit);
      return { total: count(list.length), list };
    });
    expect(itemsOf(await read())).toEqual(rowsOf(40));
  });

  test('tells rows by their ids where all of them change with every request', async () => {
    let nth = 0;
    const rows: Serve = (all, offset, limit) =>
      all
        .slice(offset, offset + limit)
        .map((row) => ({ ...Object(row), picture: `https://pictures.test/?sig=${nth++}` }));
    const { read, asked } = await listing(rowsOf(40), rows);
    const ids = itemsOf(await read()).map((row) => Object(row).id);
    expect(new Set(ids)).toEqual(new Set(rowsOf(40).map((row) => Object(row).id)));
    expect(asked.length).toBeLessThan(10);
  });

  test('does not give a row again of which only a volatile key has changed', async () => {
    let nth = 0;
    const signed: Serve = (all, offset, limit) =>
      all.slice(offset, offset + limit).map((row) => ({ ...Object(row), picture: `sig=${nth++}` }));
    const rows = rowsOf(40);
    const { io } = await listing(rows, signed, (request) => void (request === 3 && rows.splice(7, 3)));
    const pages = await Array.fromAsync(offsetPages(io, { ...PLAN, volatile: ['picture'] }, null));
    const ids = itemsOf(pages).map((row) => Object(row).id);
    expect(ids).toEqual(rowsOf(40).map((row) => Object(row).id));
  });

  test('asks again for a page that is refused for a moment', async () => {
    const { read } = await listing(rowsOf(40), capped(99), undefined, ({ nth }) => nth === 3 || nth === 4);
    expect(itemsOf(await read())).toEqual(rowsOf(40));
  });

  test('goes on without a limit from a place in it where the server refuses the limit', async () => {
    const refusing = await listing(rowsOf(40), capped(7), undefined, ({ limited }) => limited);
    const pages = await refusing.read();
    expect(itemsOf(await refusing.read(pages[1]?.next ?? ''))).toEqual(itemsOf(pages.slice(2)));
  });

  test.each([{ users: [] }, { total: 3 }, { total: 3, list: null }])('is not %j', async (body) => {
    const { read } = await listing([], () => body);
    expect(await errorOf(read())).toMatchObject({ kind: 'bad-data', connection: 'support' });
  });
});
