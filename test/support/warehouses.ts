import { createHash, hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Dialect } from '../../src/contract/dialect.ts';
import type { Field } from '../../src/contract/source.ts';
import type { Access, Row, SealedFile, Session, Statement, StateRow, Warehouse } from '../../src/contract/warehouse.ts';
import { applyScript, type BatchFacts, inspect } from '../../src/sql/apply.ts';
import { layout } from '../../src/sql/ddl.ts';
import { writeRefs } from '../../src/sql/refs.ts';
import { claim } from '../../src/sql/state.ts';
import { stateOf } from '../../src/sync/state.ts';
import { warehouses } from '../../src/warehouses/registry.ts';
import { optionsIn, sharedPeer } from './bigquery.ts';
import { LOADER, optionsTo, peerOf } from './snowflake.ts';

/** How the contract suite gets a warehouse of a kind that is empty and its own. */
export interface WarehouseDriver {
  /** Options that are complete but lead nowhere: for SQL that is rendered and not run. */
  readonly sample: Record<string, unknown>;
  /** Options as they would stand in the config; `folder` is gone after the test. */
  options(folder: string): Promise<Record<string, unknown>>;
}

/** One driver for every registered warehouse, by its name. */
export const warehouseDrivers: Readonly<Record<string, WarehouseDriver>> = {
  bigquery: {
    sample: { project: 'acme-project', dataset: 'rollcall' },
    options: async () => optionsIn(await sharedPeer()),
  },
  duckdb: {
    sample: { path: 'warehouse.duckdb' },
    options: async (folder) => ({ path: join(folder, 'warehouse.duckdb') }),
  },
  snowflake: {
    sample: { ...optionsTo('https://acme-test.snowflakecomputing.com'), password: LOADER.password },
    options: async () => ({ ...optionsTo((await peerOf()).url), password: LOADER.password }),
  },
};

function driverOf(warehouse: Warehouse): WarehouseDriver {
  const driver = warehouseDrivers[warehouse.name];
  if (driver === undefined) throw new Error(`test/support/warehouses.ts has no driver for ${warehouse.name}`);
  return driver;
}

/** Every registered warehouse by its name, and how it writes SQL. */
export const dialects = Object.values(warehouses).map((warehouse) => ({
  name: warehouse.name,
  dialect: warehouse.dialect(warehouse.options.parse(driverOf(warehouse).sample)),
}));

/** Connection, source and account of the suite where a test does not say otherwise. */
export const CONNECTION = 'crm';
export const SOURCE = 'plain';
const ACCOUNT = 'acme';

/** Fields of the suite's source, one of each type. */
export const FIELDS: readonly Field[] = [
  { column: 'title', path: ['job', 'title'], type: 'text', doc: '' },
  { column: 'locked', path: ['locked'], type: 'boolean', doc: '' },
  { column: 'logins', path: ['logins'], type: 'integer', doc: '' },
  { column: 'seen_at', path: ['seen_at'], type: 'timestamp', doc: '' },
  { column: 'tags', path: ['tags'], type: 'json', doc: '' },
];

/** One staged line: columns that are left out are null. */
export type StagedLine = Readonly<Record<string, string | null>> & { readonly op: string };

/** A user as a source has him now. The fingerprint follows the fields, unless it is given. */
export function upsert(user_id: string, fields: Readonly<Record<string, string | null>> = {}): StagedLine {
  const mapped = { page: '1', emails: '[]', roles: '[]', name: null, active: 'true', ...fields };
  const raw = fields.raw ?? JSON.stringify({ id: user_id, name: mapped.name });
  const content = hash('sha256', JSON.stringify([user_id, fields])).slice(0, 12);
  return { op: 'upsert', user_id, fingerprint: `r1:${content}`, ...mapped, raw };
}

/** A user who is gone: his row is marked, or removed. */
export const gone = (user_id: string): StagedLine => ({ op: 'delete', user_id });
export const purge = (user_id: string): StagedLine => ({ op: 'purge', user_id });

/** A record that the engine refused. */
export function reject(payload: string, changes: Readonly<Record<string, string | null>> = {}): StagedLine {
  const payload_hash = hash('sha256', payload);
  return {
    op: 'reject',
    page: '4',
    user_id: null,
    reason: 'id: a user without an id',
    raw: payload,
    payload_hash,
    ...changes,
  };
}

/** What a batch is, where a test says it. */
export type BatchChanges = Partial<Omit<BatchFacts, 'ops'>> & { readonly extra?: readonly Statement[] };

/** What applying a batch came to. */
export interface Applied {
  readonly result: 'done' | 'fenced';
  readonly facts: BatchFacts;
  /** Users whose values did not convert. */
  readonly refused: readonly string[];
}

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const MINUTE = '2026-11-01T10';

/** Our time of a batch: a minute later for each number. */
export const recordedAt = (seq: number): string => `${MINUTE}:${String(seq).padStart(2, '0')}:00.000000Z`;

/** Writes lines as the spool does: numbered, one JSON object a line. */
function spool(folder: string, batch_id: string, lines: readonly StagedLine[]): SealedFile {
  const texts = lines.map((line, i) => `${JSON.stringify({ n: String(i + 1), ...line })}\n`);
  const path = join(folder, `${batch_id}.ndjson`);
  const text = texts.join('');
  writeFileSync(path, text);
  const longest = Math.max(0, ...texts.map((line) => Buffer.byteLength(line)));
  return { batch_id, path, lines: lines.length, bytes: Buffer.byteLength(text), longest };
}

/** A warehouse under test: an open session, and the engine's way of writing through it. */
export interface Desk {
  readonly d: Dialect;
  readonly signal: AbortSignal;
  session(): Session;
  /** Closes the session and opens another on the same warehouse. */
  reopen(): Promise<void>;
  /** Makes tables and views. */
  prepare(fields?: readonly Field[]): Promise<void>;
  /** Makes the connection ours; from nobody, or from what the state row was. */
  claim(epoch: string, from?: StateRow | null, connection?: string): Promise<'done' | 'fenced'>;
  state(connection?: string): Promise<StateRow | null>;
  file(batch_id: string, lines: readonly StagedLine[]): SealedFile;
  /** Stages and applies one batch, the next of its connection unless `changes` says another. */
  apply(lines: readonly StagedLine[], changes?: BatchChanges): Promise<Applied>;
  read(sql: string): Promise<Row[]>;
  /** Rows of a table or view in the order of these columns. */
  rows(table: string, ...order: string[]): Promise<Row[]>;
}

const queryOf = (sql: string): Statement => ({ sql, params: [] });

interface Bench {
  readonly d: Dialect;
  readonly folder: string;
  readonly signal: AbortSignal;
  session: Session;
  /** Seq of the last batch of each connection. */
  readonly last: Map<string, number>;
}

const readAll = (session: Session, query: Statement): Promise<Row[]> => Array.fromAsync(session.read(query));

function factsOf(bench: Bench, lines: readonly StagedLine[], changes: BatchChanges): BatchFacts {
  const { extra: _extra, ...given } = changes;
  const connection = given.connection ?? CONNECTION;
  const seq = given.seq ?? (bench.last.get(connection) ?? 0) + 1;
  const epoch = given.epoch ?? 'e1';
  const digest = createHash('sha256').update(JSON.stringify(lines)).digest('hex').slice(0, 16);
  return {
    connection,
    source: SOURCE,
    epoch,
    seq,
    batch_id: `${epoch}-${seq}-${digest}`,
    recipe: 'r1',
    account: ACCOUNT,
    run_id: `run-${seq}`,
    recorded_at: recordedAt(seq),
    ops: new Set(lines.map((line) => line.op)),
    onlyNew: false,
    ...given,
  };
}

/** Every step of the engine's apply, with the same statements. */
async function applyLines(bench: Bench, lines: readonly StagedLine[], changes: BatchChanges): Promise<Applied> {
  const { d, session, signal, folder } = bench;
  const facts = factsOf(bench, lines, changes);
  const staging = await session.stage(spool(folder, facts.batch_id, lines), signal);
  const found = inspect(d, facts, staging);
  const [count] = await readAll(session, found.lines);
  if (Number(count?.lines) !== lines.length) throw new Error(`staged ${count?.lines} of ${lines.length} lines`);
  const refused = (await readAll(session, found.refused)).map((row) => String(row.user_id));
  const refs = writeRefs(d, facts, { staging, ops: facts.ops });
  const extra = [...refs, ...(changes.extra ?? [])];
  const script = applyScript(d, facts, {
    staging,
    refused: Number(count?.bad) > 0,
    repeated: Number(count?.repeats) > 0,
    extra,
  });
  const result = await session.transact(script, signal);
  await session.unstage(staging);
  if (result === 'done') bench.last.set(facts.connection, facts.seq);
  return { result, facts, refused: refused.sort() };
}

async function stateIn(bench: Bench, connection: string): Promise<StateRow | null> {
  const identity = await bench.session.identity(connection);
  return identity === null ? null : stateOf(bench.d, connection, bench.session, identity);
}

/** Rows that the connection has had so far, for a claim from nobody. */
function claimIn(bench: Bench, connection: string, epoch: string, from: StateRow | null): Promise<'done' | 'fenced'> {
  const at = recordedAt(0);
  const script = claim(bench.d, { connection, epoch, recipe: 'r1', account: ACCOUNT, at, from, seq: 0 });
  return bench.session.transact(script, bench.signal);
}

/** A warehouse of this kind, empty and its own (or the one that `given` leads to); sessions are closed by who opens them. */
export async function placeOf(warehouse: Warehouse, given?: Record<string, unknown>) {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-warehouse-'));
  stops.push(async () => rmSync(folder, { recursive: true, force: true }));
  const options = warehouse.options.parse(given ?? (await driverOf(warehouse).options(folder)));
  const { signal } = new AbortController();
  const open = (access: Access) =>
    warehouse.open(options, access, { scratch: folder, signal, waiting: () => undefined });
  const write = async (): Promise<Session> => {
    const session = await open('write');
    if (session === null) throw new Error('a warehouse opened for writing is never absent');
    return session;
  };
  return { d: warehouse.dialect(options), folder, signal, write, read: () => open('read') };
}

/** Opens a warehouse of this kind, empty and its own or the given one; closed and gone after the test. */
export async function openDesk(warehouse: Warehouse, given?: Record<string, unknown>): Promise<Desk> {
  const { d, folder, signal, write } = await placeOf(warehouse, given);
  const bench: Bench = { d, folder, signal, session: await write(), last: new Map() };
  stops.push(() => bench.session.close());
  const read = (sql: string): Promise<Row[]> => readAll(bench.session, queryOf(sql));
  return {
    d,
    signal,
    session: () => bench.session,
    reopen: async () => {
      await bench.session.close();
      bench.session = await write();
    },
    prepare: (fields = FIELDS) => bench.session.run(layout(d, SOURCE, fields)),
    claim: (epoch, from = null, connection = CONNECTION) => claimIn(bench, connection, epoch, from),
    state: (connection = CONNECTION) => stateIn(bench, connection),
    file: (batch_id, lines) => spool(folder, batch_id, lines),
    apply: (lines, changes = {}) => applyLines(bench, lines, changes),
    read,
    rows: (table, ...order) => read(`select * from ${d.table(table)} order by ${order.map(d.name).join(', ')}`),
  };
}

/** A warehouse with tables and views, claimed as epoch `e1`. */
export async function readyDesk(warehouse: Warehouse): Promise<Desk> {
  const desk = await openDesk(warehouse);
  await desk.prepare();
  await desk.claim('e1');
  return desk;
}
