import { describe, expect, test } from 'vitest';
import crewboard from '../../examples/crewboard-source.ts';
import { isObject, type Json } from '../../src/contract/json.ts';
import type { Chunk, Reader, Source } from '../../src/contract/source.ts';
import { BadRecord } from '../../src/errors.ts';
import { checkOwn, sources } from '../../src/sources/registry.ts';
import { RECORD_COLUMNS } from '../../src/sql/tables.ts';
import { type LocalApi, ODDITIES, sourceDrivers } from '../support/drivers.ts';
import {
  CONNECTION,
  connect,
  driverOf,
  failure,
  findAll,
  listAll,
  recordsOf,
  startApi,
  steadied,
} from '../support/sources.ts';

test('every registered source has a driver in test/support/drivers.ts, and no driver is left over', () => {
  expect(Object.keys(sourceDrivers).sort()).toEqual(Object.keys(sources).sort());
});

const example = checkOwn(crewboard);
if ('problem' in example) throw new Error(example.problem);

/** Every registered source, and the documented example of a user's own. */
const ALL: readonly Source[] = [...Object.values(sources), example.source];

const many = (source: Source): number => driverOf(source)?.many ?? 0;

/** Ids of records, which the suite's APIs always send. */
const idsOf = (source: Source, records: readonly Json[]): unknown[] =>
  records.map((record) => (isObject(record) ? record[source.id] : null));

async function started(source: Source, users: number): Promise<{ api: LocalApi; reader: Reader }> {
  const api = await startApi(source, users);
  return { api, reader: connect(source, api.options).reader };
}

const byText = (left: unknown, right: unknown): number => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1);

function expectTold(message: string, api: LocalApi): void {
  expect(message).toContain(CONNECTION);
  for (const secret of api.secrets) expect(message).not.toContain(secret);
}

describe.each(ALL)('$name: the listing', (source) => {
  test('has every user once, unchanged and in order, to its end', async () => {
    const { api, reader } = await started(source, many(source));
    const { chunks, error } = await listAll(reader);
    expect(error).toBeNull();
    expect(chunks.length).toBeGreaterThan(2);
    const records = recordsOf(chunks);
    expect(records.map((record) => steadied(source, record))).toEqual(
      api.listed().map((user) => steadied(source, user)),
    );
    expect(new Set(idsOf(source, records)).size).toBe(many(source));
  });

  test('is complete with its last chunk and only with that', async () => {
    const { reader } = await started(source, many(source));
    const { chunks } = await listAll(reader);
    expect(chunks.map((chunk) => chunk.last)).toEqual([...chunks.slice(1).map(() => false), true]);
  });

  test('of nobody is complete, too', async () => {
    const { reader } = await started(source, 0);
    const { chunks, error } = await listAll(reader);
    expect(error).toBeNull();
    expect(recordsOf(chunks)).toEqual([]);
    expect(chunks.at(-1)?.last).toBe(true);
  });

  test('goes on from every recorded place with exactly the rest', async () => {
    const { api, reader } = await started(source, many(source));
    const { chunks } = await listAll(reader);
    const places = chunks.flatMap((chunk, i) => (chunk.resume === null ? [] : [{ from: chunk.resume, i }]));
    for (const { from, i } of places) {
      const again = await listAll(connect(source, api.options).reader, from);
      expect(again.error).toBeNull();
      expect(idsOf(source, recordsOf(again.chunks))).toEqual(idsOf(source, recordsOf(chunks.slice(i + 1))));
      expect(again.chunks.at(-1)?.last).toBe(true);
    }
    expect(new Set(places.map((place) => place.from)).size).toBe(places.length);
  });

  test('implies an account state if and only if the source says so', async () => {
    const { reader } = await started(source, 3);
    const { chunks } = await listAll(reader);
    for (const chunk of chunks) expect(chunk.active !== null).toBe(source.impliesActive);
  });

  test.each(ODDITIES)('is not ended by an answer that is %s', async (oddity) => {
    const { api, reader } = await started(source, 5);
    api.spoilListing(oddity, 1);
    const { chunks, error } = await listAll(reader);
    expect(chunks.some((chunk: Chunk) => chunk.last)).toBe(false);
    expect(['bad-data', 'transient']).toContain(error?.kind);
    expectTold(error?.message ?? '', api);
  });

  test.each(ODDITIES)('is not ended by a later answer that is %s', async (oddity) => {
    const { api, reader } = await started(source, many(source));
    const answers = api.listings();
    await listAll(reader);
    const needed = api.listings() - answers;
    api.spoilListing(oddity, needed);
    const { chunks, error } = await listAll(connect(source, api.options).reader);
    expect(chunks.some((chunk: Chunk) => chunk.last)).toBe(false);
    expect(['bad-data', 'transient']).toContain(error?.kind);
    expect(error?.cursorRefused).toBe(false);
    expectTold(error?.message ?? '', api);
  });
});

describe.each(ALL)('$name: the rate of requests', (source) => {
  test('never goes over the budget: the next request waits until the minute is over', async () => {
    const { api } = await started(source, 3);
    const { reader, waits } = connect(source, api.options, { list: 1, get: 1, search: 1, write: 1 });
    for (let n = 0; n < 2; n += 1) expect((await listAll(reader)).error).toBeNull();
    const minutes = api.listings() - 1;
    expect(minutes).toBeGreaterThan(0);
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(minutes * 60_000);
  });

  test('that is too high for the server is lowered, except where 429 shuts the caller out', async () => {
    const { api, reader } = await started(source, 3);
    api.limitListing();
    const { error } = await listAll(reader);
    const out = source.api(source.options.parse(api.options)).shutOut?.includes(429) === true;
    expect(error?.kind).toBe(out ? 'permission' : undefined);
    if (out) expect(api.listings()).toBe(1);
  });
});

describe.each(ALL)('$name: credentials', (source) => {
  test('that are refused give the error of a person who must act, without the credential', async () => {
    const { api } = await started(source, 3);
    for (const [what, options] of Object.entries(api.refused)) {
      const { reader } = connect(source, options);
      const errors = [await failure(reader.account()), (await listAll(reader)).error];
      for (const error of errors) {
        expect(error, what).toMatchObject({ kind: 'auth', connection: CONNECTION, retryable: false });
        expectTold(error?.message ?? '', api);
      }
    }
  });

  test('belong to an account that is the same each time', async () => {
    const { api, reader } = await started(source, 3);
    const account = await reader.account();
    expect(account.id).toMatch(/\S/);
    expect(await connect(source, api.options).reader.account()).toEqual(account);
  });
});

describe.each(ALL)('$name: chosen users', (source) => {
  test('are found by id as they are listed, and nobody is made up', async () => {
    const { api, reader } = await started(source, 5);
    const users = api.listed();
    const chosen = [users[2] ?? {}, users[0] ?? {}];
    const wanted = chosen.map((user) => String(user[source.id]));
    const found = await findAll(reader, { ids: [...wanted, 'nobody-has-this-id'] });
    const expected = chosen.map((user) => steadied(source, api.looked(user)));
    expect(found.map((user) => steadied(source, user)).sort(byText)).toEqual(expected.sort(byText));
    expect(await findAll(reader, { ids: [] })).toEqual([]);
  });

  test('are found by address, one and several', async () => {
    const { api, reader } = await started(source, 19);
    const users = api.listed();
    const emails = users.map((user) => source.user(user, { roles: new Map(), teams: new Map() }, true).email ?? '');
    expect(idsOf(source, await findAll(reader, { emails: emails.slice(3, 4) }))).toEqual(
      idsOf(source, users.slice(3, 4)),
    );
    const some = await findAll(reader, { emails: [...emails.slice(0, 5), 'nobody@acme.test'] });
    expect(idsOf(source, some).sort()).toEqual(idsOf(source, users.slice(0, 5)).sort());
    expect(await findAll(reader, { emails: [] })).toEqual([]);
  });
});

describe.each(ALL)('$name: a user who is not listed', (source) => {
  const idAt = (api: LocalApi, at: number): string => String(api.listed()[at]?.[source.id]);

  test('is gone when the API says so', async () => {
    const { api, reader } = await started(source, 3);
    const id = idAt(api, 1);
    api.remove(id);
    expect(await reader.absent(id)).toEqual({ absence: 'gone' });
  });

  test('is not gone while the API still has him', async () => {
    const { api, reader } = await started(source, 3);
    const verdict = await reader.absent(idAt(api, 1));
    expect(['present', 'inactive', 'unknown']).toContain(verdict.absence);
    if (verdict.record !== undefined) expect(verdict.record[source.id]).toBe(idAt(api, 1));
  });

  test.each(['html', 'json'] as const)('is not gone because a gateway answers 404 (%s)', async (body) => {
    const { api, reader } = await started(source, 3);
    api.gatewayLookups(body);
    const said = await reader.absent(idAt(api, 1)).then(
      ({ absence }) => absence,
      (error: unknown) => error,
    );
    expect(said).not.toBe('gone');
    if (typeof said !== 'string') expect(said).toMatchObject({ name: 'RollcallError' });
  });
});

describe.each(ALL)('$name: the mapping', (source) => {
  test('makes a row of every listed user, with his id unchanged', async () => {
    const { api, reader } = await started(source, 700);
    const refs = await reader.refs();
    for (const record of api.listed()) {
      const user = source.user(record, refs, source.impliesActive ? true : null);
      expect(user.user_id).toBe(String(record[source.id]));
      expect(user.email ?? 'x').toBe((user.email ?? 'x').trim().toLowerCase());
      expect(user.email).not.toBe('');
      for (const time of [user.created_at, user.updated_at])
        expect(Number.isNaN(Date.parse(time ?? '2026-01-01'))).toBe(false);
      expect(typeof source.referred(record, refs)).toBe('string');
    }
  });

  test('refuses a record without an id, naming the field', () => {
    const refs = { roles: new Map(), teams: new Map() };
    for (const id of [undefined, null, '', ' ', [], {}, true]) {
      const record = { name: 'Ada', ...(id === undefined ? {} : { [source.id]: id }) };
      expect(() => source.user(record, refs, true)).toThrow(BadRecord);
      expect(() => source.user(record, refs, true)).toThrow(new RegExp(`^${source.id}: `));
    }
  });
});

describe.each(ALL)('$name: what it declares', (source) => {
  test('refuses options that it does not know', async () => {
    const api = await startApi(source, 1);
    expect(source.options.safeParse(api.options).success).toBe(true);
    expect(source.options.safeParse({ ...api.options, unheard_of: 1 }).error?.message).toMatch(/unheard_of/);
    expect(source.options.safeParse({}).success).toBe(false);
  });

  test('names columns of its view that are no other columns, each with its doc', () => {
    const names = source.fields.map((field) => field.column);
    const taken = new Set(['connection', 'source', 'user_id', ...RECORD_COLUMNS.map((column) => column.name)]);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => taken.has(name) || !/^[a-z][a-z0-9_]*$/.test(name))).toEqual([]);
    for (const field of source.fields) expect(field.doc, field.column).toMatch(/\S/);
  });

  test('has limits that are whole numbers, a version, and an address', async () => {
    const api = await startApi(source, 1);
    for (const limit of Object.values(source.limits)) expect(Number.isInteger(limit) && limit >= 0).toBe(true);
    expect(source.version).toBeGreaterThanOrEqual(1);
    expect(() => new URL(source.api(source.options.parse(api.options)).base)).not.toThrow();
  });
});
