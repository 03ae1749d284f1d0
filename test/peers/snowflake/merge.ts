import type { DuckDBConnection } from '@duckdb/node-api';
import { Failure } from './failure.ts';
import { counts, type Rowset } from './rowset.ts';
import { closing } from './text.ts';
import { toDuckdb } from './transpile.ts';

/** What a MERGE is made of. */
interface Merge {
  readonly target: string;
  readonly alias: string;
  readonly source: string;
  readonly name: string;
  readonly on: string;
  readonly whens: string;
}

const HEAD = /^MERGE INTO (\S+)(?: (?:AS )?(\w+))? USING /;
const TAIL = /^ (?:AS )?(\w+) ON (.*?) (WHEN .*)$/s;

function parse(sql: string): Merge {
  const head = HEAD.exec(sql);
  if (head === null) throw new Failure('001003', 'SQL compilation error:\nsyntax error in MERGE');
  const open = head[0].length;
  const end = sql[open] === '(' ? closing(sql, open) + 1 : sql.indexOf(' ', open);
  const tail = TAIL.exec(sql.slice(end));
  const [, name = '', on = '', whens = ''] = tail ?? [];
  if (tail === null) throw new Failure('001003', 'SQL compilation error:\nsyntax error in MERGE');
  const target = head[1] ?? '';
  return { target, alias: head[2] ?? target, source: sql.slice(open, end), name, on, whens };
}

/** More than one row of the source for one of the target: the server would have to choose. */
async function refuseDuplicates(connection: DuckDBConnection, merge: Merge): Promise<void> {
  const { target, alias, name, on } = merge;
  const matched = await toDuckdb(
    `SELECT ${alias}.ROWID AS R FROM ${target} ${alias} JOIN MERGE_SOURCE ${name} ON ${on}`,
  );
  const twice = await connection.runAndReadAll(`SELECT 1 FROM (${matched}) GROUP BY R HAVING COUNT(*) > 1 LIMIT 1`);
  if (twice.getRows().length > 0)
    throw new Failure('100090', 'Duplicate row detected during DML action\nRow Values: [...]', '42P18');
}

/** Runs a MERGE, folded and without parameters. DuckDB itself would take duplicates. */
export async function runMerge(connection: DuckDBConnection, sql: string): Promise<Rowset> {
  const merge = parse(sql);
  const { target, alias, name, on, whens } = merge;
  const rows = await toDuckdb(`SELECT * FROM ${merge.source} ${name}`);
  await connection.run(`CREATE OR REPLACE TEMP TABLE MERGE_SOURCE AS ${rows}`);
  await refuseDuplicates(connection, merge);
  const merged = await toDuckdb(`MERGE INTO ${target} ${alias} USING MERGE_SOURCE ${name} ON ${on} ${whens}`);
  const result = await connection.runAndReadAll(
    `${merged.replaceAll(/\bSET "?T"?\./g, 'SET ')} RETURNING merge_action`,
  );
  const done = (action: string): number => result.getRows().filter(([found]) => found === action).length;
  return counts({
    ...(/THEN INSERT/.test(whens) ? { 'number of rows inserted': done('INSERT') } : {}),
    ...(/THEN UPDATE/.test(whens) ? { 'number of rows updated': done('UPDATE') } : {}),
    ...(/THEN DELETE/.test(whens) ? { 'number of rows deleted': done('DELETE') } : {}),
  });
}
