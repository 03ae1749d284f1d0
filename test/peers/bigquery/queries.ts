import { setTimeout as sleep } from 'node:timers/promises';
import type { DuckDBConnection, DuckDBResultReader } from '@duckdb/node-api';
import type { Quotas } from './quotas.ts';
import { readScript, type Step } from './script.ts';
import { dryRun, type Ground, runStatement } from './statements.ts';
import type { Store } from './store.ts';
import { isWord, SqlError, type Token, tokenize } from './tokens.ts';
import { type Around, duckName, type TableName, text, translate } from './translate.ts';
import { type WireResult, wireResult } from './values.ts';

/** A query job as it was asked for; the API's own names. */
export interface QueryConfiguration {
  readonly query?: string;
  readonly useLegacySql?: boolean;
  readonly defaultDataset?: { readonly projectId?: string; readonly datasetId?: string };
  readonly queryParameters?: readonly QueryParameter[];
  readonly parameterMode?: string;
  readonly maximumBytesBilled?: string;
}

interface QueryParameter {
  readonly parameterType?: { readonly type?: string };
  readonly parameterValue?: { readonly value?: string | null };
}

/** What queries run on. */
export interface QueryPlace {
  readonly store: Store;
  readonly project: string;
  readonly quotas: Quotas;
  readonly sandbox: boolean;
}

/** What a query job came to. */
export interface QueryDone {
  readonly type: string;
  readonly changed: number | null;
  readonly result: WireResult | null;
  readonly bytes: number;
}

const DUCK: Readonly<Record<string, string>> = {
  STRING: 'VARCHAR',
  INT64: 'BIGINT',
  FLOAT64: 'DOUBLE',
  BOOL: 'BOOLEAN',
  TIMESTAMP: 'TIMESTAMPTZ',
};

function parameter({ parameterType, parameterValue }: QueryParameter): string {
  const type = DUCK[parameterType?.type ?? ''];
  if (type === undefined) throw new SqlError(`Invalid query parameter type ${parameterType?.type}`, 'invalid');
  const value = parameterValue?.value ?? null;
  return value === null ? `cast(null as ${type})` : `cast(${text(value)} as ${type})`;
}

/** Least that a query which reads a table is charged for. */
const LEAST = 10 * 1024 * 1024;
/** Bytes of a row, as the peer counts them. */
const ROW = 200;

/** A script under way. */
interface Run {
  readonly ground: Omit<Ground, 'inTransaction'>;
  readonly variables: Map<string, number>;
  inTransaction: boolean;
  last: { type: string; changed: number | null; result: DuckDBResultReader | null };
  statements: number;
}

async function transaction(run: Run, does: 'begin' | 'commit' | 'rollback'): Promise<void> {
  if (does === 'begin' && run.inTransaction)
    throw new SqlError('Transaction control: nested transactions are not supported');
  if (does !== 'begin' && !run.inTransaction)
    throw new SqlError(`Transaction control: no active transaction to ${does}`);
  await run.ground.connection.run(does);
  run.inTransaction = does === 'begin';
}

async function holds(run: Run, condition: Parameters<typeof translate>[0]): Promise<boolean> {
  const sql = `select ${translate(condition, run.ground.around)}`;
  return (await run.ground.connection.runAndReadAll(sql)).getRows()[0]?.[0] === true;
}

/** Runs steps; false where the script returned. */
async function steps(run: Run, all: readonly Step[]): Promise<boolean> {
  for (const step of all) {
    if (step.kind === 'return') return false;
    if (step.kind === 'raise') throw new SqlError(`Query error: ${step.message}`);
    if (step.kind === 'transaction') await transaction(run, step.does);
    if (step.kind === 'assert' && !(await holds(run, step.condition)))
      throw new SqlError(`Query error: ${step.message}`);
    if (step.kind === 'if') {
      for (const branch of step.branches) {
        if (branch.condition !== null && !(await holds(run, branch.condition))) continue;
        if (!(await steps(run, branch.steps))) return false;
        break;
      }
    }
    if (step.kind === 'statement') {
      run.statements += 1;
      const done = await runStatement(step.tokens, { ...run.ground, inTransaction: run.inTransaction });
      if (done.changed !== null) run.variables.set('@@row_count', done.changed);
      run.last = done.result === null && run.last.result !== null ? { ...done, result: run.last.result } : done;
    }
  }
  return true;
}

/** Statements of a script, those of its branches too. */
function statementsOf(all: readonly Step[]): (readonly Token[])[] {
  return all.flatMap((step) => {
    if (step.kind === 'statement') return [step.tokens];
    return step.kind === 'if' ? step.branches.flatMap((branch) => statementsOf(branch.steps)) : [];
  });
}

/** Tables that a script names; what cannot be translated fails when it is run. */
function tablesOf(all: readonly Step[], around: Omit<Around, 'bound'>): Map<string, TableName> {
  const used = new Map<string, TableName>();
  const note = (name: TableName): void => {
    used.set(duckName(name), name);
  };
  for (const tokens of statementsOf(all)) {
    try {
      if (!isWord(tokens[0], 'CREATE', 'ALTER', 'DROP'))
        translate(tokens, { ...around, bound: () => 'null', used: note });
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
    }
  }
  return used;
}

/** Bytes that a script reads, as the peer counts them; null where it reads no table. */
async function bytesOf(place: QueryPlace, all: readonly Step[], around: Omit<Around, 'bound'>): Promise<number | null> {
  const names = [...tablesOf(all, around).values()];
  let rows = 0;
  for (const name of names) if ((await place.store.kindOf(name)) === 'TABLE') rows += await place.store.count(name);
  return names.length === 0 ? null : rows * ROW;
}

function groundOf(
  place: QueryPlace,
  q: QueryConfiguration,
  connection: DuckDBConnection,
  variables: Map<string, number>,
) {
  if (q.useLegacySql !== false) throw new SqlError('legacy SQL was asked for', 'invalid');
  if ((q.query ?? '').length > 1_000_000)
    throw new SqlError('The query is too large. The maximum standard SQL query length is 1024.00K characters');
  const bound = [...(q.queryParameters ?? [])].map(parameter).values();
  const { projectId, datasetId } = q.defaultDataset ?? {};
  const dataset = datasetId === undefined ? null : `${projectId ?? place.project}.${datasetId}`;
  const around = {
    dataset,
    project: place.project,
    variables,
    bound: () => {
      const next = bound.next();
      if (next.done === true)
        throw new SqlError('Query parameter number is more than the number of parameters', 'invalid');
      return next.value;
    },
  };
  return { store: place.store, connection, around, quotas: place.quotas, sandbox: place.sandbox };
}

/** What is charged for a script; refused where that is more than its limit. */
function charge(q: QueryConfiguration, bytes: number | null): number {
  const billed = bytes === null ? 0 : Math.max(LEAST, bytes);
  const limit = Number(q.maximumBytesBilled ?? Number.POSITIVE_INFINITY);
  if (billed <= limit) return billed;
  throw new SqlError(
    `Query exceeded limit for bytes billed: ${limit}. ${billed} or higher required.`,
    'bytesBilledLimitExceeded',
  );
}

/** Runs a query or a script. An error takes the open transaction back. */
export async function runQuery(place: QueryPlace, q: QueryConfiguration): Promise<QueryDone> {
  const connection = await place.store.connect();
  const variables = new Map<string, number>();
  const none = { type: 'SCRIPT', changed: null, result: null };
  try {
    const ground = groundOf(place, q, connection, variables);
    const run: Run = { ground, variables, inTransaction: false, last: none, statements: 0 };
    const all = readScript(tokenize(q.query ?? ''));
    const bytes = charge(q, await bytesOf(place, all, ground.around));
    try {
      await steps(run, all);
    } finally {
      if (run.inTransaction) await connection.run('rollback');
    }
    const { type, changed, result } = run.last;
    const script = all.length > 1;
    const wire = result === null ? null : wireResult(result);
    return { type: script ? 'SCRIPT' : type, changed: script ? null : changed, result: wire, bytes };
  } finally {
    connection.closeSync();
  }
}

/** Tells what a query would read. */
export async function estimate(
  place: QueryPlace,
  q: QueryConfiguration,
): Promise<{ readonly type: string; readonly bytes: number }> {
  const connection = await place.store.connect();
  try {
    const ground = groundOf(place, q, connection, new Map());
    const all = readScript(tokenize(q.query ?? ''));
    const [first] = all;
    if (all.length !== 1 || first?.kind !== 'statement') return { type: 'SCRIPT', bytes: 0 };
    const type = await dryRun(first.tokens, { ...ground, inTransaction: false });
    return { type, bytes: (await bytesOf(place, all, ground.around)) ?? 0 };
  } finally {
    connection.closeSync();
  }
}

/** Waits as long as a slow job takes. */
export const takeTime = (ms: number): Promise<void> => sleep(ms);
