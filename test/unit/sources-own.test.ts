import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Json } from '../../src/contract/json.ts';
import type { Source } from '../../src/contract/source.ts';
import { BadRecord } from '../../src/errors.ts';
import { defineSource, type OwnSource, RollcallError } from '../../src/sources/own.ts';
import { guardOwn } from '../../src/sources/own-guard.ts';
import { TOKEN, testIo } from '../integration/http.fixture.ts';

const OWN = { file: './crew.ts', connection: 'crew' };
const REFS = { roles: new Map(), teams: new Map() };
const OPTIONS = {};

type Parts = Partial<OwnSource<object>>;
type List = () => unknown;

/** A source of the given parts, under guard. */
function guarded(parts: Parts): Source<object> {
  const made = defineSource<object>({
    name: 'crew',
    options: z.object({}),
    api: () => ({ base: 'https://crew.test', headers: {} }),
    reader: () => ({ list: async function* () {} }),
    user: (raw) => ({ user_id: String(raw.id) }),
    ...parts,
  });
  return guardOwn(made, OWN);
}

/** What a file without types may give, seen as what it must give. */
const untyped = <T>(given: unknown): T => given as T;

/** All records of a listing that may yield anything. */
async function listed(list: List): Promise<Json[]> {
  const { io } = testIo('https://crew.test');
  const source = guarded({ reader: () => untyped({ list }) });
  const chunks = await Array.fromAsync(source.reader(OPTIONS, io).list(null));
  return chunks.flatMap(({ records }) => [...records]);
}

async function errorOf(work: () => unknown): Promise<RollcallError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof RollcallError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a listing that goes wrong is told with the connection and the file', () => {
  const yielding = (chunk: unknown): List =>
    async function* () {
      yield chunk;
    };
  const cases: readonly [what: string, list: List, words: RegExp][] = [
    [
      'that throws',
      () => {
        throw new TypeError('no\n luck');
      },
      /list threw TypeError: no luck/,
    ],
    ['that yields nothing', yielding(undefined), /gave something else than it must/],
    ['without records', yielding({ resume: null, last: true }), /records: expected a list/],
    ['with another last', yielding({ records: [], last: 'yes' }), /last: .*expected boolean/],
    ['without a last chunk', yielding({ records: [{ id: 1 }] }), /ended without a last chunk/],
    ['that is a promise', async () => [], /yields: write it as `async \*list\(from\)`/],
    ['of what is no JSON', yielding({ records: [{ id: 1n }], last: true }), /a record that is no JSON: .*BigInt/],
  ];
  test.each(cases)('%s', async (_what, list, words) => {
    const error = await errorOf(() => listed(list));
    expect(error).toMatchObject({ kind: 'config', connection: 'crew', step: 'list' });
    expect(error.message).toMatch(/^crew: \.\/crew\.ts: list /);
    expect(error.message).toMatch(words);
    expect(error.message).not.toMatch(/\n/);
  });

  test('and may be over next time where the network was in trouble', async () => {
    const fault = new TypeError('fetch failed', {
      cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
    });
    const error = await errorOf(() =>
      listed(() => {
        throw fault;
      }),
    );
    expect(error).toMatchObject({ kind: 'transient', retryable: true });
  });

  test('unless it is an error of its own making, which keeps its kind and its words', async () => {
    const error = await errorOf(() =>
      listed(() => {
        throw new RollcallError('auth', 'the token is over; make a new one');
      }),
    );
    expect(error).toMatchObject({ kind: 'auth', message: 'crew: the token is over; make a new one' });
  });

  test('without a secret of the connection, whoever put it there', async () => {
    const { io } = testIo('https://crew.test');
    for (const fault of [new Error(`token ${TOKEN}`), new RollcallError('auth', `token ${TOKEN}`)]) {
      const list = () => {
        throw fault;
      };
      const source = guarded({ reader: () => untyped({ list }) });
      const error = await errorOf(() => Array.fromAsync(source.reader(OPTIONS, io).list(null)));
      expect(error.message).toContain('token ***');
      expect(String(error.stack) + String(Reflect.get(Object(error.cause), 'stack'))).not.toContain(TOKEN);
    }
    const source = guarded({
      api: () => {
        throw new Error('token tok-1234');
      },
    });
    const error = await errorOf(() => source.api(untyped({ token: 'tok-1234' })));
    expect(error.message).toMatch(/api threw token \*\*\*/);
  });

  test('and one with dates and holes is read as JSON has them', async () => {
    const joined = new Date('2026-01-31T12:00:00Z');
    const records = await listed(yielding({ records: [{ id: 1, joined, left: undefined }, { id: 2 }], last: true }));
    expect(records).toEqual([{ id: 1, joined: '2026-01-31T12:00:00.000Z' }, { id: 2 }]);
  });
});

describe('a part that gives what it must not is told', () => {
  const { io } = testIo('https://crew.test');
  const cases: readonly [part: string, parts: Parts, ask: (source: Source<object>) => unknown][] = [
    ['api', { api: () => untyped({ headers: {} }) }, (source) => source.api(OPTIONS)],
    ['reader', { reader: () => untyped({}) }, (source) => source.reader(OPTIONS, io)],
    [
      'account',
      { reader: () => untyped({ list: () => [], account: async () => ({}) }) },
      (source) => source.reader(OPTIONS, io).account(),
    ],
    [
      'refs',
      { reader: () => untyped({ list: () => [], refs: async () => ({ roles: [] }) }) },
      (source) => source.reader(OPTIONS, io).refs(),
    ],
    [
      'absent',
      { reader: () => untyped({ list: () => [], absent: async () => 'gone' }) },
      (source) => source.reader(OPTIONS, io).absent('1'),
    ],
  ];
  test.each(cases)('by its name: %s', async (part, parts, ask) => {
    const error = await errorOf(() => ask(guarded(parts)));
    expect(error).toMatchObject({ kind: 'config', step: part });
    expect(error.message).toMatch(new RegExp(`^crew: \\./crew\\.ts: ${part} .*docs/sources/own\\.md`));
  });
});

describe('a record that `user` cannot map', () => {
  const mapped = (source: Source<object>, id: number) => source.user({ id }, REFS, null);

  test('by mistake is a bad record, and told with the file', () => {
    const source = guarded({
      user: ({ id }) => {
        if (id === 7) throw new TypeError('not seven');
        return { user_id: String(id) };
      },
    });
    expect(mapped(source, 1).user_id).toBe('1');
    for (let n = 0; n < 50; n += 1) expect(() => mapped(source, 7)).toThrow(BadRecord);
    expect(() => mapped(source, 7)).toThrow(/^\.\/crew\.ts: user threw TypeError: not seven/);
  });

  test('as it can map none of the others stops the run', async () => {
    const source = guarded({
      user: () => {
        throw new ReferenceError('typo is not defined');
      },
    });
    for (let n = 1; n < 20; n += 1) expect(() => mapped(source, n)).toThrow(BadRecord);
    const error = await errorOf(() => mapped(source, 20));
    expect(error).toMatchObject({ kind: 'config', connection: 'crew', step: 'user' });
    expect(error.message).toMatch(/ReferenceError: typo is not defined.*each of 20 records/);
  });

  const wrong: readonly [given: unknown, words: RegExp][] = [
    [null, /expected object/],
    [{ name: 'No Id' }, /user_id: .*expected string/],
    [{ user_id: '1', email: 5 }, /email: .*expected string/],
    [{ user_id: '1', roles: 'admin' }, /roles: .*expected array/],
    [{ user_id: '1', active: 'yes' }, /active: .*expected boolean/],
    [{ user_id: '1', created_at: 'soon' }, /created_at: expected a time such as/],
    [{ user_id: 'other' }, /the id of the record is 1, and user gave another one \(other\)/],
  ];
  test.each(wrong)('for it gives %j is a bad record', (given, words) => {
    const source = guarded({ user: () => untyped(given) });
    expect(() => mapped(source, 1)).toThrow(BadRecord);
    expect(() => mapped(source, 1)).toThrow(words);
  });

  test('may leave out all but the id; empty texts are null, and times become instants', () => {
    const source = guarded({
      user: () => ({ user_id: '1', name: '', email: ' A@B.test ', created_at: '2026-01-31T13:00:00+01:00' }),
    });
    expect(source.user({ id: 1 }, REFS, true)).toEqual({
      user_id: '1',
      email: 'a@b.test',
      emails: ['a@b.test'],
      name: null,
      first_name: null,
      last_name: null,
      roles: [],
      active: true,
      availability: null,
      avatar_url: null,
      created_at: '2026-01-31T12:00:00.000000Z',
      updated_at: null,
    });
  });
});
