import { beforeEach, describe, expect, test } from 'vitest';
import { noCounts, type Run } from '../../src/contract/run.ts';
import { writeRuns } from '../../src/sql/runs.ts';
import { countRows, readInactive, readLedgerRows } from '../../src/sql/state.ts';
import { readUsers } from '../../src/sql/users.ts';
import { warehouses } from '../../src/warehouses/registry.ts';
import { CONNECTION, type Desk, gone, readyDesk, SOURCE, type StagedLine, upsert } from '../support/warehouses.ts';

const NASTY: readonly (readonly [what: string, text: string])[] = [
  ['letters of many scripts and emoji', '\u5f20\u4f1f \u05e9\u05dc\u05d5\u05dd \u{1F469}\u200d\u{1F467} Jose\u0301'],
  ['U+0000', 'nul\u0000inside'],
  ['quotes and backslashes', `"double" 'single' \`back\` \\ \\n \\u0041 ''`],
  ['line breaks and tabs', 'one\ntwo\r\nthree\tfour\u2028five'],
  ['SQL', `Robert'); DROP TABLE users;-- $1 ? %s {{x}}`],
  ['JSON', '{"name": [1, null]}'],
  ['what looks like null or a number', 'null'],
  ['spaces around', '  padded  '],
  ['1 MB', 'x\u00e9'.repeat(350_000)],
];

describe.each(Object.values(warehouses))('$name: staging', (warehouse) => {
  let desk: Desk;
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
  });

  const staged = (staging: string): string =>
    `select * from ${staging} order by ${desk.d.tryCast(desk.d.name('n'), 'integer')}`;

  async function stage(batch_id: string, lines: readonly StagedLine[]): Promise<string> {
    return desk.session().stage(desk.file(batch_id, lines), desk.signal);
  }

  test('loads every line, what it leaves out as null', async () => {
    const lines = [upsert('u1', { name: 'Ada' }), gone('u2')];
    const rows = await desk.read(staged(await stage('e1-1-aa', lines)));
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({ n: '1', op: 'upsert', user_id: 'u1', name: 'Ada', active: 'true', email: null });
    expect(rows[1]).toMatchObject({ n: '2', op: 'delete', user_id: 'u2', name: null, raw: null, fingerprint: null });
  });

  test.each(NASTY)('loads %s', async (_what, text) => {
    await desk.apply([upsert('u1', { name: text, emails: JSON.stringify([text]) })]);
    const [user] = await desk.rows('users', 'user_id');
    expect(user?.name).toBe(text);
    expect(user?.emails).toEqual([text]);
    expect(user?.raw).toEqual({ id: 'u1', name: text });
    await desk.apply([upsert(text.slice(0, 500))]);
    expect(
      (await desk.read(`select count(*) as ${desk.d.name('found')} from ${desk.d.table('users')}`))[0]?.found,
    ).toBe(2);
  });

  test('replaces an earlier staging table of the same batch', async () => {
    await stage('e1-1-aa', [upsert('u1'), upsert('u2')]);
    const staging = await stage('e1-1-aa', [upsert('u3')]);
    expect(await desk.read(staged(staging))).toMatchObject([{ user_id: 'u3' }]);
  });

  test('keeps the staging tables of two ledgers apart, whatever the numbers of their batches', async () => {
    const [one, two] = [await stage('e1-1-aa', [upsert('u1')]), await stage('e2-2-bb', [upsert('u2')])];
    expect(await desk.read(staged(one))).toMatchObject([{ user_id: 'u1' }]);
    expect(await desk.read(staged(two))).toMatchObject([{ user_id: 'u2' }]);
  });

  test('loads a later batch of the same ledger beside or in place of an earlier one', async () => {
    await stage('e1-1-aa', [upsert('u1')]);
    expect(await desk.read(staged(await stage('e1-2-bb', [upsert('u2')])))).toMatchObject([{ user_id: 'u2' }]);
  });

  test('is dropped, and dropping it twice is no error', async () => {
    const staging = await stage('e1-1-aa', [upsert('u1')]);
    await desk.session().unstage(staging);
    await expect(desk.session().unstage(staging)).resolves.toBeUndefined();
    await expect(desk.read(staged(staging))).rejects.toThrow();
  });

  test('takes many lines', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => upsert(`u${i}`, { name: `User ${i}` }));
    await desk.apply(lines);
    const [count] = await desk.read(`select count(*) as ${desk.d.name('found')} from ${desk.d.table('users')}`);
    expect(count?.found).toBe(20_000);
  });
});

describe.each(Object.values(warehouses))('$name: rows that are read', (warehouse) => {
  let desk: Desk;
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
  });

  const values = async (...columns: string[]) =>
    (await desk.read(`select ${columns.map((sql, i) => `${sql} as ${desk.d.name(`c${i}`)}`).join(', ')}`))[0] ?? {};

  test('have times as RFC 3339 text with Z, whatever offset they came with', async () => {
    const times = [
      '2026-11-01T10:00:00Z',
      '2026-11-01T12:30:00.5+02:30',
      '1969-12-31T23:59:59.999999Z',
      '0099-03-04T05:06:07Z',
    ];
    const row = await values(...times.map((time) => desk.d.tryCast(desk.d.literal(time), 'timestamp')));
    expect(Object.values(row)).toEqual([
      '2026-11-01T10:00:00.000000Z',
      '2026-11-01T10:00:00.500000Z',
      '1969-12-31T23:59:59.999999Z',
      '0099-03-04T05:06:07.000000Z',
    ]);
  });

  test('are readable whatever a text that names no time converts to', async () => {
    const texts = ['infinity', '-infinity', 'epoch', 'today', ''];
    const row = await values(...texts.map((text) => desk.d.tryCast(desk.d.literal(text), 'timestamp')));
    for (const value of Object.values(row)) expect(value === null || typeof value === 'string').toBe(true);
  });

  test('have integers as numbers, and beyond 2^53 as text', async () => {
    const row = await values('42', '9007199254740991', '9007199254740993', '-9007199254740993');
    expect(Object.values(row)).toEqual([42, 9007199254740991, '9007199254740993', '-9007199254740993']);
  });

  test('have JSON parsed, booleans, texts and nulls as they are', async () => {
    const json = (text: string): string => desk.d.tryCast(desk.d.literal(text), 'json');
    const row = await values(json('{"a":[1,null,"x"]}'), json('[]'), json('"text"'), `'true'`, 'true', 'null');
    expect(Object.values(row)).toEqual([{ a: [1, null, 'x'] }, [], 'text', 'true', true, null]);
  });

  test('have the digits of numbers inside JSON that JavaScript cannot hold', async () => {
    await desk.apply([upsert('u1', { raw: '{"id":"u1","n":12345678901234567890}' })]);
    const [user] = await desk.rows('users', 'user_id');
    expect(JSON.stringify(user?.raw)).toBe('{"id":"u1","n":12345678901234567890}');
  });

  test('bind parameters as they are', async () => {
    const { d } = desk;
    const params = [`it's "quoted" \u{1F469}`, 7, true, null];
    const sql = `select ? as ${d.name('a')}, ${d.tryCast('?', 'integer')} as ${d.name('b')}, ? as ${d.name('c')}, ? as ${d.name('e')}`;
    const [row] = await Array.fromAsync(desk.session().read({ sql, params }));
    expect(Object.values(row ?? {})).toEqual(params);
  });

  test('come after the names of their columns, which are told where there is no row too', async () => {
    const told: (readonly string[])[] = [];
    const columns = (names: readonly string[]): void => void told.push(names);
    for (const when of ['1 = 1', '1 = 0']) {
      const sql = `select n as ${desk.d.name('two')}, n as ${desk.d.name('one')} from (select 1 as n) v where ${when}`;
      await Array.fromAsync(desk.session().read({ sql, params: [] }, { columns }));
    }
    expect(told).toEqual([
      ['two', 'one'],
      ['two', 'one'],
    ]);
  });

  test('a query that fails says so in words, not with a stack', async () => {
    await expect(desk.read('select nothing from nowhere')).rejects.toMatchObject({
      name: 'RollcallError',
      message: expect.stringMatching(/nowhere/i),
    });
  });
});

describe.each(Object.values(warehouses))('$name: what a ledger is rebuilt and reconciled from', (warehouse) => {
  let desk: Desk;
  const read = (query: ReturnType<typeof countRows>) => Array.fromAsync(desk.session().read(query));
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
    await desk.apply([upsert('u3', { active: 'false' }), upsert('u1'), upsert('u2', { active: null })]);
    await desk.apply([gone('u1'), upsert('u4')]);
    await desk.claim('e9', null, 'hr');
    await desk.apply([upsert('other')], { connection: 'hr', epoch: 'e9' });
  });

  test('is every row of the connection, tombstones included, in a fixed order', async () => {
    const rows = await read(readLedgerRows(desk.d, CONNECTION));
    expect(rows.map(({ key, seq, gone: isGone, off }) => [key, seq, isGone, off].map(String))).toEqual([
      ['=u2', '1', '0', '0'],
      ['=u3', '1', '0', '1'],
      ['=u1', '2', '1', '0'],
      ['=u4', '2', '0', '0'],
    ]);
    expect(rows.every((row) => String(row.fingerprint).startsWith('r1:'))).toBe(true);
  });

  test('is counted for the connection alone', async () => {
    const [count] = await read(countRows(desk.d, CONNECTION));
    expect(count).toMatchObject({ total: 4, live: 3, seq: 2 });
  });

  test('names those of some users whose account is off', async () => {
    expect(await read(readInactive(desk.d, CONNECTION, ['u1', 'u2', 'u3', 'nobody']))).toEqual([{ user_id: 'u3' }]);
  });

  test('gives the record columns of chosen users', async () => {
    const rows = await read(readUsers(desk.d, CONNECTION, ['u4', 'other']));
    expect(rows).toMatchObject([{ user_id: 'u4', emails: [], active: true, raw: { id: 'u4', name: null } }]);
  });
});

describe.each(Object.values(warehouses))('$name: rows of runs', (warehouse) => {
  const RUN: Run = {
    run_id: 'run-1',
    connection: CONNECTION,
    source: SOURCE,
    kind: 'sync',
    trigger: 'schedule',
    outcome: null,
    scheduled_at: '2026-11-01T10:00:00.000000Z',
    started_at: '2026-11-01T10:00:00.250000Z',
    finished_at: null,
    counts: noCounts(),
    kept: { unproven: 0, inactive: 0 },
    warnings: [],
    usage: null,
    error: null,
  };

  test('are replaced when they are sent again', async () => {
    const desk = await readyDesk(warehouse);
    const error = { kind: 'auth', step: 'GET /me', message: `it's wrong`, retryable: false } as const;
    const counts = { ...noCounts(), seen: 7, waited_ms: 1234 };
    const ended: Run = { ...RUN, outcome: 'failed', finished_at: '2026-11-01T10:00:09.000001Z', counts, error };
    for (const run of [RUN, { ...RUN, run_id: 'run-2' }, ended, ended])
      await desk.session().run(writeRuns(desk.d, [run]));
    const rows = await desk.rows('sync_runs', 'run_id');
    expect(rows.map((row) => [row.run_id, row.outcome])).toEqual([
      ['run-1', 'failed'],
      ['run-2', null],
    ]);
    const { kept: _kept, warnings: _warnings, counts: _counts, ...facts } = ended;
    expect(rows[0]).toEqual({ ...facts, ...counts, error: `auth: it's wrong` });
  });

  test('of many runs come in few statements, texts and nulls as they are', async () => {
    const desk = await readyDesk(warehouse);
    const many = Array.from({ length: 120 }, (_, i) => {
      const error = { kind: 'transient', step: '', message: `no. ${i} 'quoted' ? \\ "\n`, retryable: true } as const;
      return { ...RUN, run_id: `run-${String(i).padStart(3, '0')}`, error: i % 2 === 0 ? null : error };
    });
    const statements = writeRuns(desk.d, many);
    expect(statements).toHaveLength(6);
    await desk.session().run(statements);
    await desk.session().run(statements);
    const rows = await desk.rows('sync_runs', 'run_id');
    expect(rows.map((row) => [row.run_id, row.error])).toEqual(
      many.map(({ run_id, error }) => [run_id, error === null ? null : `transient: ${error.message}`]),
    );
  });

  test('of another connection with the same id stay', async () => {
    const desk = await readyDesk(warehouse);
    for (const connection of ['crm', 'hr', 'crm'])
      await desk.session().run(writeRuns(desk.d, [{ ...RUN, connection }]));
    expect((await desk.rows('sync_runs', 'connection')).map((row) => row.connection)).toEqual(['crm', 'hr']);
  });
});
