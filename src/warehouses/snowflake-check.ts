import { randomBytes } from 'node:crypto';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { plain } from '../sql/plain.ts';
import { TABLES } from '../sql/tables.ts';
import { type Desk, inTransaction, leave, persist, use } from './snowflake-desk.ts';
import { snowflakeDialect } from './snowflake-dialect.ts';
import { driverFolder } from './snowflake-driver.ts';
import { ask, type Link } from './snowflake-link.ts';
import { fingerprintOf } from './snowflake-login.ts';
import { keptName, schemaName } from './snowflake-names.ts';
import { dropStaging, stageFile } from './snowflake-stage.ts';
import { type Shown, showTables } from './snowflake-tables.ts';

/** A line of one staged record: everything that a batch goes through, once. */
const PROBE = '{"n":"1","op":"reject"}\n';

/** Loads one line as a batch is loaded: storage, CREATE TABLE, the virtual warehouse, reading. */
async function tryLoading(desk: Desk): Promise<void> {
  const d = snowflakeDialect(desk.o);
  // Of its own, as the id of a batch is: two may check at once.
  const batch_id = `${randomBytes(8).toString('hex')}-0-0`;
  const path = join(driverFolder(desk.context.scratch), `check-${batch_id}.ndjson`);
  await writeFile(path, PROBE, { mode: 0o600 });
  try {
    const bytes = (await stat(path)).size;
    const staging = await stageFile(desk, d, { batch_id, path, lines: 1, bytes, longest: bytes });
    await persist(desk, 'read a table', (link) => use(desk, link, plain(`SELECT COUNT(*) AS "LINES" FROM ${staging}`)));
    await dropStaging(desk, staging);
  } finally {
    await rm(path, { force: true });
  }
}

async function tryView(desk: Desk): Promise<void> {
  const view = snowflakeDialect(desk.o).table('rollcall_check');
  await persist(desk, 'make a view', async (link) => {
    await ask(link, plain(`CREATE OR REPLACE VIEW ${view} AS SELECT 1 AS "N"`));
    await ask(link, plain(`DROP VIEW IF EXISTS ${view}`));
  });
}

/** Statements that need every right on a table and change nothing. */
function trials(d: ReturnType<typeof snowflakeDialect>, name: string, column: string): string[] {
  const [table, c] = [d.table(name), d.name(column)];
  return [
    `INSERT INTO ${table} (${c}) SELECT ${c} FROM ${table} WHERE 1 = 0`,
    `UPDATE ${table} SET ${c} = ${c} WHERE 1 = 0`,
    `DELETE FROM ${table} WHERE 1 = 0`,
  ];
}

/** Tries what a batch does to the tables that are there already: somebody else may own them. */
async function tryTables(desk: Desk, shown: Shown): Promise<number> {
  const d = snowflakeDialect(desk.o);
  const there = TABLES.filter(({ name }) => shown.has(name.toUpperCase()));
  await persist(desk, 'change the tables', (link) =>
    inTransaction(link, async () => {
      const sqls = there.flatMap(({ name, columns }) => trials(d, name, columns[0]?.name ?? ''));
      for (const sql of sqls) await use(desk, link, plain(sql));
      return false;
    }),
  );
  return there.length;
}

/** The tables of the schema, which is made where it is missing. */
async function lookAround(desk: Desk, link: Link): Promise<Shown> {
  const shown = await showTables(desk, link);
  if (shown !== null) return shown;
  await ask(link, plain(`CREATE SCHEMA IF NOT EXISTS ${schemaName(desk.o)}`));
  return new Map();
}

/** Tries everything that a sync needs, with the statements of a sync. Wakes the virtual warehouse. */
export async function checkSnowflake(desk: Desk): Promise<readonly string[]> {
  const { o } = desk;
  try {
    const { role } = await persist(desk, 'run a statement', (link) => ask(link, plain('SELECT 1 AS "N"')));
    const shown = await persist(desk, 'look into the schema', (link) => lookAround(desk, link));
    await tryLoading(desk);
    await tryView(desk);
    const tables = await tryTables(desk, shown);
    const key = fingerprintOf(o);
    const who = [o.user ?? 'the token', role ?? o.role].filter((one) => one !== undefined).map(keptName);
    return [
      `logged in as ${who.join(' with role ')}${key === null ? '' : ` (key ${key})`}`,
      `warehouse ${keptName(o.warehouse)} runs, and loads through the user's stage`,
      tables === 0
        ? `schema ${schemaName(o)} is there, and takes tables and views`
        : `${tables} tables in ${schemaName(o)} can be read and changed`,
    ];
  } finally {
    await leave(desk);
  }
}
