import { describe, expect, test } from 'vitest';
import type { Row } from '../../src/contract/warehouse.ts';
import type { Api, Ask, Resource } from '../../src/warehouses/bigquery-client.ts';
import { listed, rowsOf } from '../../src/warehouses/bigquery-rows.ts';

const field = (name: string, type: string, more: object = {}) => ({ name, type, mode: 'NULLABLE', ...more });

/** One row of one column. */
const one = (type: string, v: unknown, more: object = {}): unknown =>
  listed({ fields: [field('x', type, more)] }, { rows: [{ f: [{ v }] }] })[0]?.x;

/** An API that gives these answers in turn. */
function answering(...answers: readonly Resource[]): { readonly api: Api; readonly asked: Ask[] } {
  const asked: Ask[] = [];
  const left = [...answers];
  const api: Api = {
    signal: new AbortController().signal,
    ask: async (request) => {
      asked.push(request);
      return { status: 200, body: left.shift() ?? {}, attempt: 1 };
    },
    backOff: async () => undefined,
    poll: async () => undefined,
  };
  return { api, asked };
}

const read = (api: Api): Promise<Row[]> => Array.fromAsync(rowsOf(api, { id: 'job', location: 'EU' }));

describe('a value of the wire', () => {
  test.each<[string, unknown, unknown]>([
    ['STRING', 'true', 'true'],
    ['INTEGER', '42', 42],
    ['INT64', '9007199254740993', '9007199254740993'],
    ['FLOAT', '0.5', 0.5],
    ['FLOAT64', 'NaN', 'NaN'],
    ['BOOLEAN', 'true', true],
    ['BOOL', 'false', false],
    ['NUMERIC', '12.50', '12.50'],
    ['DATE', '2026-11-01', '2026-11-01'],
    ['JSON', '{"a":12345678901234567890}', JSON.parse('{"a":12345678901234567890}')],
    ['TIMESTAMP', '1793527200123456', '2026-11-01T10:00:00.123456Z'],
    ['TIMESTAMP', '-1', '1969-12-31T23:59:59.999999Z'],
    ['TIMESTAMP', '1.7935272E9', '2026-11-01T10:00:00.000000Z'],
    ['TIMESTAMP', '1793527200.25', '2026-11-01T10:00:00.250000Z'],
    ['STRING', null, null],
  ])('of type %s: %j is %j', (type, wire, value) => {
    if (type === 'JSON') expect(JSON.stringify(one(type, wire))).toBe(wire);
    else expect(one(type, wire)).toEqual(value);
  });

  test('that is repeated is a list', () => {
    expect(one('INTEGER', [{ v: '1' }, { v: '2' }], { mode: 'REPEATED' })).toEqual([1, 2]);
    expect(one('INTEGER', null, { mode: 'REPEATED' })).toEqual([]);
  });

  test('that is a record has its fields', () => {
    const fields = [field('id', 'INTEGER'), field('at', 'TIMESTAMP')];
    expect(one('RECORD', { f: [{ v: '7' }, { v: '0' }] }, { fields })).toEqual({
      id: 7,
      at: '1970-01-01T00:00:00.000000Z',
    });
  });

  test('has its name in lower case, and two of one name stay two', () => {
    const fields = [field('Name', 'STRING'), field('NAME', 'STRING')];
    expect(listed({ fields }, { rows: [{ f: [{ v: 'a' }, { v: 'b' }] }] })).toEqual([{ name: 'a', name_1: 'b' }]);
  });
});

describe('the rows of a job', () => {
  const schema = { fields: [field('n', 'INTEGER')] };
  const row = (n: number) => ({ f: [{ v: String(n) }] });

  test('are read to the last page, from where the job is', async () => {
    const { api, asked } = answering(
      { jobComplete: true, schema, rows: [row(1)], totalRows: '2', pageToken: 'next' },
      { jobComplete: true, rows: [row(2)], totalRows: '2' },
    );
    expect(await read(api)).toEqual([{ n: 1 }, { n: 2 }]);
    expect(asked.map(({ qs }) => [qs?.location, qs?.pageToken])).toEqual([
      ['EU', undefined],
      ['EU', 'next'],
    ]);
  });

  test('are waited for', async () => {
    const { api } = answering({ jobComplete: false }, { jobComplete: true, schema, rows: [row(1)], totalRows: '1' });
    expect(await read(api)).toEqual([{ n: 1 }]);
  });

  test('are none without a word of how many', async () => {
    expect(await read(answering({ jobComplete: true, schema }).api)).toEqual([]);
  });

  test.each([
    [{ jobComplete: true, schema, totalRows: '3' }],
    [{ jobComplete: true, schema, rows: [row(1)], totalRows: '2' }],
  ])('fail where fewer arrive than were counted', async (answer) => {
    await expect(read(answering(answer).api)).rejects.toThrow(/the result has \d rows, \d arrived/);
  });
});
