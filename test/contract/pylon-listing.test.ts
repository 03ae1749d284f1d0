import { describe, expect, test } from 'vitest';
import { isObject, type Json } from '../../src/contract/json.ts';
import type { Chunk } from '../../src/contract/source.ts';
import { type FaultAnswer, ODD_ANSWERS, REFUSES_QUERY } from '../../src/demo/pylon/faults.ts';
import type { PylonApi } from '../../src/demo/pylon/server.ts';
import { CONNECTION, connectPylon, failure, listAll, recordsOf, startPylonApi } from '../support/sources.ts';

const LISTING = { path: '/users' } as const;

const body = (value: Json): FaultAnswer => ({ kind: 'body', body: JSON.stringify(value) });
const idsOf = (records: readonly Json[]): unknown[] => records.map((record) => isObject(record) && record.id);
const idsIn = (chunks: readonly Chunk[]): unknown[] => idsOf(recordsOf(chunks));
const paths = (api: PylonApi): string[] => api.log.map((entry) => entry.path);
const truth = (api: PylonApi, which: 'listed' | 'all' = 'listed'): string[] =>
  api.world.users(which).map((user) => user.id);

describe('Pylon’s listing ends', () => {
  const ends: readonly [what: string, pagination: Json][] = [
    ['an empty cursor', { cursor: '', has_next_page: false }],
    ['a cursor of null', { cursor: null, has_next_page: false }],
    ['no cursor', { has_next_page: false }],
    ['a cursor that looks as if it led on', { cursor: 'c2', has_next_page: false }],
    ['no word about a next page', { cursor: 'c2' }],
    ['null in place of its place', null],
  ];

  test.each(ends)('with has_next_page, here beside %s', async (_what, pagination) => {
    const api = await startPylonApi(0);
    api.faults.add({ when: LISTING, answer: body({ data: [{ id: 'u1' }], pagination }) });
    const { chunks, error } = await listAll(connectPylon(api).reader);
    expect(error).toBeNull();
    expect(chunks).toEqual([{ records: [{ id: 'u1' }], resume: null, last: true, active: true }]);
    expect(api.log).toHaveLength(1);
  });

  test('where pagination is missing', async () => {
    const api = await startPylonApi(5);
    api.faults.add({ when: LISTING, answer: { kind: 'without_pagination' } });
    const { chunks } = await listAll(connectPylon(api).reader);
    expect(idsIn(chunks)).toEqual(truth(api));
    expect(chunks.at(-1)?.last).toBe(true);
  });

  test.each([{ cursor: '' }, { cursor: null }, {}])(
    'never where more is said to follow, but not where (%j)',
    async (cursor) => {
      const api = await startPylonApi(0);
      const pagination = { has_next_page: true, ...cursor };
      api.faults.add({ when: LISTING, answer: body({ data: [{ id: 'u1' }], pagination }), times: 9 });
      const { chunks, error } = await listAll(connectPylon(api).reader);
      expect(chunks.some((chunk) => chunk.last)).toBe(false);
      expect(error).toMatchObject({ kind: 'bad-data', connection: CONNECTION });
    },
  );
});

describe('a page of Pylon’s that says more follows but has no data', () => {
  test('is asked for again, and the listing goes on', async () => {
    const api = await startPylonApi(2500);
    api.faults.add({ when: { ...LISTING, nth: 2 }, answer: { kind: 'without_data' }, times: 3 });
    const { reader, waits } = connectPylon(api);
    const { chunks, error } = await listAll(reader);
    expect(error).toBeNull();
    expect(idsIn(chunks)).toEqual(truth(api));
    expect(new Set(paths(api)).size).toBe(3);
    expect(api.log).toHaveLength(6);
    expect(waits).toHaveLength(3);
  });

  test('fails loudly when it stays so', async () => {
    const api = await startPylonApi(2500);
    api.faults.add({ when: { ...LISTING, nth: 2 }, answer: { kind: 'without_data' }, times: Number.POSITIVE_INFINITY });
    const { chunks, error } = await listAll(connectPylon(api).reader);
    expect(chunks.some((chunk) => chunk.last)).toBe(false);
    expect(error).toMatchObject({ kind: 'bad-data', connection: CONNECTION });
    expect(error?.message).toMatch(/more users follow.*data/);
    expect(api.log.length).toBeLessThan(12);
  });
});

describe('what is no page of Pylon’s', () => {
  const kinds: readonly [what: string, answer: FaultAnswer, kind: string, words: RegExp][] = [
    ['a proxy’s page', ODD_ANSWERS.html, 'transient', /proxy or gateway.*Bad Gateway/],
    ['an empty body', ODD_ANSWERS.empty, 'transient', /no body/],
    ['204', ODD_ANSWERS.noContent, 'transient', /no body/],
    ['null', ODD_ANSWERS.null, 'transient', /null/],
    ['cut JSON', { kind: 'cut' }, 'transient', /cut short/],
    ['an errors object with 200', ODD_ANSWERS.errors, 'bad-data', /errors/],
    ['data that is no list', body({ data: {}, pagination: { has_next_page: false } }), 'bad-data', /data/],
    ['a bare list', body([{ id: 'u1' }]), 'bad-data', /data/],
    ['a proxy’s 502', ODD_ANSWERS.badGateway, 'transient', /502.*Bad Gateway/],
    ['a refusal', { kind: 'status', status: 403, code: 'permission_denied', message: 'No' }, 'permission', /Admin/],
  ];

  test.each(kinds)('%s is an error of its own kind', async (_what, answer, kind, words) => {
    const api = await startPylonApi(5);
    api.faults.add({ when: LISTING, answer, times: Number.POSITIVE_INFINITY });
    const { error } = await listAll(connectPylon(api).reader);
    expect(error).toMatchObject({ kind, connection: CONNECTION });
    expect(error?.message).toMatch(words);
    expect(error?.message).toContain(CONNECTION);
    expect(error?.message).not.toContain(api.token);
  });

  test('tells the region of a token that is right elsewhere', async () => {
    const api = await startPylonApi(1);
    const error = await failure(connectPylon(api, { token: api.foreignToken }).reader.account());
    expect(error.message).toMatch(/wrong_region_token.*`region: us` or `region: eu`/);
    expect(api.log).toHaveLength(1);
  });
});

describe('a cursor that Pylon refuses', () => {
  test.each([400, 404, 410])('with %i lets the scan begin anew', async (status) => {
    const api = await startPylonApi(2500);
    const answer: FaultAnswer = { kind: 'status', status, message: 'cursor expired' };
    api.faults.add({ when: { ...LISTING, nth: 2 }, answer, times: Number.POSITIVE_INFINITY });
    const { error, chunks } = await listAll(connectPylon(api).reader);
    expect(error).toMatchObject({ kind: 'bad-data', cursorRefused: true, connection: CONNECTION });
    expect(chunks).toHaveLength(1);
  });

  test('when a recorded place is gone on from lets the scan begin anew', async () => {
    const api = await startPylonApi(5);
    const { reader } = connectPylon(api);
    expect((await listAll(reader, 'active:no-cursor-of-theirs')).error).toMatchObject({ cursorRefused: true });
    expect((await listAll(reader)).error).toBeNull();
  });

  test('is not what a server in trouble, a proxy or a first page is taken for', async () => {
    const api = await startPylonApi(2500);
    const { chunks } = await listAll(connectPylon(api).reader);
    const from = chunks[0]?.resume ?? '';
    const answers: FaultAnswer[] = [
      { kind: 'status', status: 503 },
      { kind: 'body', status: 404, type: 'text/html', body: '<title>Not here</title>' },
      { kind: 'status', status: 401, code: 'invalid_api_token' },
    ];
    for (const answer of answers) {
      const fault = api.faults.add({ when: LISTING, answer, times: Number.POSITIVE_INFINITY });
      expect((await listAll(connectPylon(api).reader, from)).error?.cursorRefused).toBe(false);
      fault.remove();
    }
    api.faults.add({ when: LISTING, answer: { kind: 'status', status: 400 }, times: Number.POSITIVE_INFINITY });
    expect((await listAll(connectPylon(api).reader)).error).toMatchObject({ kind: 'bad-data', cursorRefused: false });
  });
});

describe('a Pylon that rejects query parameters with 400', () => {
  test('is asked without, once', async () => {
    const api = await startPylonApi(80);
    api.faults.add(REFUSES_QUERY);
    const { chunks, error } = await listAll(connectPylon(api).reader);
    expect(error).toBeNull();
    expect(idsIn(chunks)).toEqual(truth(api));
    expect(paths(api)).toEqual(['/users?limit=999', '/users']);
  });

  test('is followed by cursor alone when the limit is what it rejects', async () => {
    const api = await startPylonApi(250);
    const answer: FaultAnswer = { kind: 'status', status: 400, message: 'unknown parameter: limit' };
    const when = (request: { query: URLSearchParams }): boolean => request.query.has('limit');
    api.faults.add({ when, answer, times: Number.POSITIVE_INFINITY });
    const { chunks, error } = await listAll(connectPylon(api).reader);
    expect(error).toBeNull();
    expect(idsIn(chunks)).toEqual(truth(api));
    expect(paths(api).filter((path) => path.includes('limit'))).toHaveLength(1);
    const rest = await listAll(connectPylon(api).reader, chunks[0]?.resume ?? null);
    expect(rest.error).toBeNull();
    expect(idsIn(rest.chunks)).toEqual(truth(api).slice(100));
  });

  test('is not asked a third time when it refuses that, too', async () => {
    const api = await startPylonApi(5);
    const answer: FaultAnswer = { kind: 'status', status: 400, message: 'no listing today' };
    api.faults.add({ when: LISTING, answer, times: Number.POSITIVE_INFINITY });
    const { error } = await listAll(connectPylon(api).reader);
    expect(error?.message).toMatch(/no listing today/);
    expect(api.log).toHaveLength(2);
  });

  test('cannot be asked for deactivated users, which is an error and no complete listing', async () => {
    const api = await startPylonApi(5);
    api.faults.add(REFUSES_QUERY);
    const { chunks, error } = await listAll(connectPylon(api, { include_deactivated: true }).reader);
    expect(error).toMatchObject({ kind: 'bad-data' });
    expect(chunks.some((chunk) => chunk.last)).toBe(false);
  });
});

describe('Pylon’s deactivated users', () => {
  async function twoListings(users: number, off: readonly number[]) {
    const api = await startPylonApi(users);
    const ids = truth(api);
    for (const at of off) api.world.deactivate(ids[at] ?? '');
    return { api, ids, off: off.map((at) => ids[at]), ...connectPylon(api, { include_deactivated: true }) };
  }

  test('are not read unless they are asked for', async () => {
    const { api } = await twoListings(5, [1]);
    const { chunks } = await listAll(connectPylon(api).reader);
    expect(idsIn(chunks)).toEqual(truth(api));
    expect(paths(api).join()).not.toContain('include_deactivated');
  });

  test('are in a second listing, whose users count unless they were seen', async () => {
    const { reader, api, ids } = await twoListings(6, [1, 4]);
    const { chunks } = await listAll(reader);
    expect(chunks.map(({ active, unlessSeen = false, last }) => [active, unlessSeen, last])).toEqual([
      [true, false, false],
      [false, true, true],
    ]);
    expect(chunks.map(({ records }) => idsOf(records))).toEqual([truth(api), ids]);
  });

  test('are read to the end over many pages, from any recorded place', async () => {
    const { reader, api, ids, off } = await twoListings(2500, [0, 1200, 2499]);
    const { chunks } = await listAll(reader);
    expect(chunks).toHaveLength(6);
    const [first, second] = [chunks.filter((chunk) => chunk.active), chunks.filter((chunk) => !chunk.active)];
    expect(idsIn(first)).toEqual(truth(api));
    expect(idsIn(second)).toEqual(ids);
    expect(off.every((id) => idsIn(second).includes(id))).toBe(true);
    for (const [i, { resume }] of chunks.entries()) {
      if (resume === null) continue;
      const rest = await listAll(connectPylon(api, { include_deactivated: true }).reader, resume);
      const plain = ({ records, last, active }: Chunk) => [idsOf(records), last, active];
      expect(rest.chunks.map(plain)).toEqual(chunks.slice(i + 1).map(plain));
    }
    expect(chunks.map((chunk) => chunk.resume === null)).toEqual([false, false, false, false, false, true]);
  });
});
