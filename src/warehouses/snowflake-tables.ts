import { createHash, randomBytes } from 'node:crypto';
import type { Row, Statement, TableIdentity } from '../contract/warehouse.ts';
import type { PlacedColumn } from '../sql/ddl.ts';
import { plain } from '../sql/plain.ts';
import { refillColumns } from '../sql/repair.ts';
import { REJECTED_RECORDS, ROLES, STATE, TABLES, TEAMS, USERS } from '../sql/tables.ts';
import { type Desk, type Hope, inTransaction, persist, use } from './snowflake-desk.ts';
import { addedColumn, snowflakeDialect } from './snowflake-dialect.ts';
import { explain } from './snowflake-errors.ts';
import { ask, codeOf, describe, type Link } from './snowflake-link.ts';
import { schemaName } from './snowflake-names.ts';

/** Codes of "does not exist or not authorized", which Snowflake does not tell apart. */
const ABSENT: ReadonlySet<string> = new Set(['002003', '002043']);

/** What SHOW TABLES tells of a table, by its name in upper case. */
export type Shown = ReadonlyMap<string, Row>;

/** Every table of the schema, from metadata alone: no virtual warehouse is needed. Null where there is no such schema. */
export async function showTables(desk: Desk, link: Link): Promise<Shown | null> {
  try {
    const { rows } = await ask(link, plain(`SHOW TABLES IN SCHEMA ${schemaName(desk.o)}`));
    return new Map(rows.map((row) => [String(row.name).toUpperCase(), row]));
  } catch (error) {
    if (ABSENT.has(codeOf(error))) return null;
    throw error;
  }
}

/** Rows of a table as metadata count them, of all connections; null where they do not. */
function rowsOf(shown: Shown, table: string): number | null {
  const rows = shown.get(table.toUpperCase())?.rows;
  return rows === null || rows === undefined ? null : Number(rows);
}

/** What the tables are to an engine that knows them; null while they are not all there. */
export function identityOf(shown: Shown): TableIdentity | null {
  if (TABLES.some(({ name }) => !shown.has(name.toUpperCase()))) return null;
  const made = [USERS, STATE].map(({ name }) => shown.get(name.toUpperCase())?.created_on);
  const empty = [ROLES, TEAMS, REJECTED_RECORDS].map((table) => table.name).filter((name) => rowsOf(shown, name) === 0);
  const tables = createHash('sha256').update(made.join()).digest('hex').slice(0, 16);
  // Whose row it is takes a query to see; that nobody has one does not.
  const state = rowsOf(shown, STATE.name) === 0 ? { state: null } : {};
  return { tables, rows: rowsOf(shown, USERS.name), empty, ...state };
}

const isDefinition = ({ sql }: Statement): boolean => /^\s*(create|alter|drop)\b/i.test(sql);

/** Columns that tables had before, looked up once for each table. Of a table that is new every column is there. */
function columnLookup(link: Link, before: Shown): (table: string, column: string) => Promise<boolean> {
  const known = new Map<string, Promise<readonly string[]>>();
  return async (table, column) => {
    const name = /"((?:[^"]|"")+)"$/.exec(table)?.[1] ?? '';
    if (!before.has(name)) return true;
    const found = known.get(table) ?? describe(link, `SELECT * FROM ${table} LIMIT 0`);
    known.set(table, found);
    return (await found).includes(column.toLowerCase());
  };
}

/** Columns that are to be added to tables which were there before: somebody dropped them, or they are new to Rollcall. */
async function missingOf(link: Link, before: Shown, statements: readonly Statement[]): Promise<PlacedColumn[]> {
  const isThere = columnLookup(link, before);
  const missing: PlacedColumn[] = [];
  for (const { sql, adds } of statements) {
    const added = addedColumn(sql);
    if (added === null || adds === undefined || (await isThere(added.table, added.column))) continue;
    missing.push({ table: adds.table, column: added.column.toLowerCase() });
  }
  return missing;
}

/** What tells every ledger to load again what columns have lost; before they are added, so that a kill loses nothing. */
async function tellLost(desk: Desk, link: Link, missing: readonly PlacedColumn[]): Promise<void> {
  const told = refillColumns(snowflakeDialect(desk.o), missing, randomBytes(8).toString('hex'));
  if (told.length === 0) return;
  await inTransaction(link, async () => {
    for (const statement of told) await ask(link, statement);
    return true;
  });
}

/** Runs definitions. Each is a transaction of its own in Snowflake; a column that is there is not added again. */
async function define(desk: Desk, link: Link, statements: readonly Statement[]): Promise<void> {
  const before = await showTables(desk, link);
  if (before === null) await ask(link, plain(`CREATE SCHEMA IF NOT EXISTS ${schemaName(desk.o)}`));
  const missing = await missingOf(link, before ?? new Map(), statements);
  const isMissing = ({ sql, adds }: Statement): boolean =>
    missing.some(({ table, column }) => table === adds?.table && addedColumn(sql)?.column.toLowerCase() === column);
  // Where some tables are missing, too, there is no ledger that could know what the others had.
  if (before !== null && identityOf(before) !== null) await tellLost(desk, link, missing);
  for (const statement of statements)
    if (addedColumn(statement.sql) === null || isMissing(statement)) await ask(link, statement);
}

/**
 * What makes the tables may be done again, and it finds what is there by then: a refusal that nothing explains can come
 * from another host that makes the same ones at this moment.
 */
function madeElsewhere(desk: Desk, error: Error): Hope | null {
  const isExplained = explain(error, 'prepare the tables', desk.o).kind !== 'bug';
  return isExplained ? null : { tries: 4, reason: 'another host may be making the same tables' };
}

/** Runs statements that are not counted: definitions one by one, changes of rows in one transaction. */
export async function runStatements(desk: Desk, statements: readonly Statement[]): Promise<void> {
  const definitions = statements.filter(isDefinition);
  const changes = statements.filter((statement) => !isDefinition(statement));
  if (definitions.length > 0) {
    const prepare = (link: Link): Promise<void> => define(desk, link, definitions);
    await persist(desk, 'prepare the tables', prepare, (error) => madeElsewhere(desk, error));
  }
  if (changes.length === 0) return;
  const { counted } = desk;
  await persist(desk, 'write rows', (link) =>
    inTransaction(link, async () => {
      for (const statement of changes) await use(desk, link, statement);
      return true;
    }),
  );
  desk.counted = counted;
}
