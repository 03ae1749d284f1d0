import type { DuckDBConnection } from '@duckdb/node-api';
import type { StateRow, TableIdentity } from '../contract/warehouse.ts';
import { readState } from '../sql/state.ts';
import { REJECTED_RECORDS, ROLES, STATE, SYNC_RUNS, TABLES, TEAMS, USER_CHANGES, USERS } from '../sql/tables.ts';
import { duckdbDialect } from './duckdb-dialect.ts';

async function column(connection: DuckDBConnection, sql: string, params: string[] = []): Promise<unknown[]> {
  return (await connection.runAndReadAll(sql, params)).getRows().map(([value]) => value);
}

/** Our views, and the columns of our tables as `table.column`. */
export async function layoutOf(connection: DuckDBConnection): Promise<string[]> {
  const ours = TABLES.map((table) => duckdbDialect.literal(table.name)).join(', ');
  const found = await column(
    connection,
    `select table_name || '.' || column_name from duckdb_columns() where database_name = current_database() and schema_name = 'main' and table_name in (${ours}) ` +
      "union all select view_name from duckdb_views() where database_name = current_database() and schema_name = 'main' and not internal",
  );
  return found.map(String);
}

/** Tables whose loss is noticed by their having no row of the connection. */
const WATCHED = [USER_CHANGES, SYNC_RUNS, ROLES, TEAMS, REJECTED_RECORDS].map((table) => table.name);

async function emptyTables(connection: DuckDBConnection, name: string): Promise<string[]> {
  const counts = WATCHED.map((table) => `exists (select 1 from ${table} where connection = ?)`);
  const found = await connection.runAndReadAll(
    `select ${counts.join(', ')}`,
    WATCHED.map(() => name),
  );
  const [row = []] = found.getRows();
  return WATCHED.filter((_, i) => row[i] !== true);
}

async function stateOf(connection: DuckDBConnection, name: string): Promise<StateRow | null> {
  const { sql, params } = readState(duckdbDialect, name);
  const found = (await connection.runAndReadAll(sql, [...params])).getRows()[0];
  if (found === undefined) return null;
  const [epoch = '', seq, batch_id = '', recipe = '', account = '', updated_at = ''] = found.map(String);
  return { epoch, seq: Number(seq), batch_id, recipe, account, updated_at };
}

/** The tables' identity is theirs by the state row alone: the file is one, and no other metadata outlives a reopening. */
export async function identity(
  connection: DuckDBConnection,
  name: string,
  layout: readonly string[],
): Promise<TableIdentity | null> {
  const there = new Set(layout);
  if (TABLES.some((table) => !layout.some((found) => found.startsWith(`${table.name}.`)))) return null;
  const asked = [USERS, STATE, ...TABLES.filter((table) => WATCHED.includes(table.name))];
  const whole = asked.every((table) => table.columns.every((c) => there.has(`${table.name}.${c.name}`)));
  // Nothing can be asked of a table whose columns are not all there; the next look is after they were made again.
  if (!whole) return { tables: 'duckdb', rows: null, layout, state: null };
  const live = 'select count(*) from users where connection = ? and deleted_at is null';
  const [rows] = await column(connection, live, [name]);
  const empty = await emptyTables(connection, name);
  return { tables: 'duckdb', rows: Number(rows), own: true, layout, empty, state: await stateOf(connection, name) };
}
