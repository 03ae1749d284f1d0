import type { DuckDBConnection, DuckDBResultReader } from '@duckdb/node-api';
import type { Quotas } from './quotas.ts';
import { columnsOf, mergeParts, statementType } from './script.ts';
import type { Store } from './store.ts';
import { findOutside, isMark, isWord, SqlError, splitAt, type Token } from './tokens.ts';
import {
  type Around,
  duckName,
  pathAt,
  quote,
  type TableName,
  tableName,
  translate,
  translateType,
} from './translate.ts';

/** What one statement works with. */
export interface Ground {
  readonly store: Store;
  readonly connection: DuckDBConnection;
  readonly around: Around;
  readonly quotas: Quotas;
  readonly inTransaction: boolean;
  /** A project without billing. */
  readonly sandbox: boolean;
}

/** What a statement came to. */
export interface Done {
  readonly type: string;
  /** Rows that DML changed; null for other statements. */
  readonly changed: number | null;
  /** Rows that a query answered. */
  readonly result: DuckDBResultReader | null;
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';

/** DuckDB's words as BigQuery would say it. */
function sqlError(error: unknown): unknown {
  if (error instanceof SqlError) return error;
  const words = firstLine(error);
  const column = /Referenced column "([^"]+)"/.exec(words)?.[1];
  if (column !== undefined) return new SqlError(`Unrecognized name: ${column}`);
  if (/conflict/i.test(words)) return new SqlError(`Transaction is aborted due to concurrent update. ${words}`);
  return new SqlError(words);
}

async function run(g: Ground, sql: string): Promise<DuckDBResultReader> {
  try {
    return await g.connection.runAndReadAll(sql);
  } catch (error) {
    throw sqlError(error);
  }
}

const DML_REFUSED =
  'Access Denied: BigQuery BigQuery: Billing has not been enabled for this project. Enable billing at https://console.cloud.google.com/billing. DML queries are not allowed in the free tier. Set up a billing account to remove this restriction.';

/** The table that a statement is about, after a word. */
function targetOf(
  tokens: readonly Token[],
  g: Ground,
  ...words: readonly string[]
): { readonly name: TableName; readonly next: number } {
  let at = findOutside(tokens, (token) => isWord(token, ...words)) + 1;
  while (isWord(tokens[at], 'IF', 'NOT', 'EXISTS')) at += 1;
  const { path, next } = pathAt(tokens, at);
  return { name: tableName(path, g.around), next };
}

async function createTable(tokens: readonly Token[], g: Ground): Promise<void> {
  const { name, next } = targetOf(tokens, g, 'TABLE');
  g.quotas.spend('metadata', duckName(name));
  if (!isMark(tokens[next], '(')) throw new SqlError('the peer makes tables from a list of columns only');
  const exists = (await g.store.kindOf(name)) !== null;
  const replaces = isWord(tokens[1], 'OR');
  if (exists && !replaces) {
    if (tokens.slice(0, 6).some((token) => isWord(token, 'EXISTS'))) return;
    throw new SqlError(`Already Exists: Table ${name.dataset}.${name.table}`, 'duplicate');
  }
  if (exists) g.store.forget(name);
  const columns = columnsOf(tokens, next).map((column) => `${quote(column.name)} ${translateType(column.type)}`);
  await run(g, `create or replace table ${duckName(name)} (${columns.join(', ')})`);
  const cluster = findOutside(tokens, (token) => isWord(token, 'CLUSTER'));
  const meta = g.store.made(name, 'TABLE');
  if (cluster >= 0) meta.clustering = splitAt(tokens.slice(cluster + 2), ',').map(([column]) => column?.value ?? '');
}

async function alterTable(tokens: readonly Token[], g: Ground): Promise<void> {
  const { name, next } = targetOf(tokens, g, 'TABLE');
  g.quotas.spend('metadata', duckName(name));
  await mustExist(g, [name]);
  for (const action of splitAt(tokens.slice(next), ',')) {
    if (!isWord(action[0], 'ADD') || !isWord(action[1], 'COLUMN')) throw new SqlError('the peer adds columns only');
    const guarded = isWord(action[2], 'IF');
    const [column, ...type] = action.slice(guarded ? 5 : 2);
    const named = `${guarded ? 'if not exists ' : ''}${quote(column?.value ?? '')} ${translateType(type)}`;
    await run(g, `alter table ${duckName(name)} add column ${named}`);
  }
}

async function createView(tokens: readonly Token[], g: Ground): Promise<void> {
  const { name, next } = targetOf(tokens, g, 'VIEW');
  if (!isWord(tokens[next], 'AS')) throw new SqlError('the peer makes views from AS and a query only');
  // A view has no default dataset of its own.
  const sql = await translated(tokens.slice(next + 1), { ...g, around: { ...g.around, dataset: null } });
  await run(g, `create or replace view ${duckName(name)} as ${sql}`);
  g.store.made(name, 'VIEW');
}

async function dropView(tokens: readonly Token[], g: Ground): Promise<void> {
  const { name } = targetOf(tokens, g, 'VIEW');
  await run(g, `drop view ${duckName(name)}`);
  g.store.forget(name);
}

async function mustExist({ store }: Ground, names: readonly TableName[]): Promise<void> {
  for (const name of names) {
    const location = store.datasets.get(name.dataset)?.location;
    const [project = '', dataset] = name.dataset.split(/\.(?=[^.]*$)/);
    if (location === undefined) throw new SqlError(`Not found: Dataset ${project}:${dataset}`, 'notFound');
    if ((await store.kindOf(name)) === null) {
      throw new SqlError(
        `Not found: Table ${project}:${dataset}.${name.table} was not found in location ${location}`,
        'notFound',
      );
    }
  }
}

/** A statement in DuckDB's SQL; every table in it must exist. */
async function translated(tokens: readonly Token[], g: Ground): Promise<string> {
  const used: TableName[] = [];
  const sql = translate(tokens, { ...g.around, used: (name) => used.push(name) });
  await mustExist(g, used);
  return sql;
}

/** BigQuery refuses a MERGE in which two rows of the source meet one row of the target; DuckDB applies both. */
async function checkMerge(tokens: readonly Token[], g: Ground): Promise<void> {
  const { target, source, on } = mergeParts(tokens);
  const { path, next } = pathAt(target, 0);
  const name = duckName(tableName(path, g.around));
  const alias = target.slice(next).find((token) => !isWord(token, 'AS'))?.value ?? path.at(-1) ?? '';
  const word: Token = { kind: 'name', value: 'USING' };
  const from = translate([word, ...source], g.around).replace(/^USING /, '');
  const condition = translate(on, g.around);
  const twice = await run(
    g,
    `select 1 from ${name} ${quote(alias)} join ${from} on ${condition} group by ${quote(alias)}.rowid having count(*) > 1 limit 1`,
  );
  if (twice.currentRowCount > 0)
    throw new SqlError('UPDATE/MERGE must match at most one source row for each target row');
}

/** BigQuery does not turn a text into a time or JSON on its way into a column; DuckDB does. */
async function checkInsert(tokens: readonly Token[], g: Ground, sql: string): Promise<void> {
  const { name, next } = targetOf(tokens, g, 'INTO');
  const named = isMark(tokens[next], '(') && !isWord(tokens[next + 1], 'SELECT');
  const query = findOutside(tokens, (token) => isWord(token, 'SELECT', 'WITH'), next);
  if (query < 0) return;
  const described = await run(g, `describe ${sql.slice(sql.search(/\b(SELECT|WITH)\b/))}`);
  const given = described.getRows().map(([, type]) => String(type));
  const table = await run(g, `describe ${duckName(name)}`);
  const types = new Map(table.getRows().map(([column, type]) => [String(column), String(type)]));
  const columns = named ? columnsOf(tokens, next).map((column) => column.name) : [...types.keys()];
  if (columns.length !== given.length)
    throw new SqlError(`Inserted row has wrong column count; Has ${given.length}, expected ${columns.length}`);
  columns.forEach((column, i) => {
    const [wanted, has] = [types.get(column), given[i] ?? ''];
    if (wanted === undefined) throw new SqlError(`Column ${column} is not present in table ${name.table}`);
    if (wanted === has || has === '"NULL"' || (has === 'INTEGER' && ['BIGINT', 'DOUBLE'].includes(wanted))) return;
    throw new SqlError(
      `Query column ${i + 1} has type ${has} which cannot be inserted into column ${column}, which has type ${wanted}`,
    );
  });
}

async function changeRows(type: string, tokens: readonly Token[], g: Ground): Promise<number> {
  if (g.sandbox) throw new SqlError(DML_REFUSED, 'billingNotEnabled');
  const words = {
    INSERT: ['INTO'],
    UPDATE: ['UPDATE'],
    DELETE: ['FROM', 'DELETE'],
    MERGE: ['INTO', 'MERGE'],
    TRUNCATE_TABLE: ['TABLE'],
  };
  const after = Object.entries(words).find(([name]) => name === type)?.[1] ?? [];
  const { name } = targetOf(
    tokens,
    g,
    after.find((word) => tokens.slice(0, 2).some((token) => isWord(token, word))) ?? '',
  );
  g.quotas.spend('dml', duckName(name));
  const sql = await translated(tokens, g);
  if ((type === 'UPDATE' || type === 'DELETE') && !tokens.some((token) => isWord(token, 'WHERE'))) {
    throw new SqlError(`${type} must have a WHERE clause`);
  }
  if (type === 'MERGE') await checkMerge(tokens, g);
  if (type === 'INSERT') await checkInsert(tokens, g, sql);
  return (await run(g, sql)).rowsChanged;
}

/** Runs one statement. */
export async function runStatement(tokens: readonly Token[], g: Ground): Promise<Done> {
  const type = statementType(tokens);
  const ddl = /^(CREATE|ALTER|DROP)_/.test(type);
  if (ddl && g.inTransaction) throw new SqlError(`Transaction control: ${type} is not supported inside a transaction`);
  if (type === 'SELECT') return { type, changed: null, result: await run(g, await translated(tokens, g)) };
  if (type === 'CREATE_TABLE') await createTable(tokens, g);
  else if (type === 'ALTER_TABLE') await alterTable(tokens, g);
  else if (type === 'CREATE_VIEW') await createView(tokens, g);
  else if (type === 'DROP_TABLE') await g.store.drop(targetOf(tokens, g, 'TABLE').name);
  else if (type === 'DROP_VIEW') await dropView(tokens, g);
  else if (type === 'CREATE_SCHEMA') throw new SqlError('the peer makes datasets through the API only');
  else return { type, changed: await changeRows(type, tokens, g), result: null };
  return { type, changed: null, result: null };
}

/** Validates a query without running it. */
export async function dryRun(tokens: readonly Token[], g: Ground): Promise<string> {
  const type = statementType(tokens);
  const sql = await translated(tokens, g);
  if (type === 'SELECT') await run(g, `explain ${sql}`);
  return type;
}
