import { chmodSync, chownSync, existsSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import { RollcallError } from '../errors.ts';
import { duckdbDialect } from './duckdb-dialect.ts';

const { name: quoted, literal } = duckdbDialect;

const copyOf = (file: string): string => `${file}.scrubbed`;

/** Removes the half-made copy of a process that was killed. Call it while the file is open for writing: then nobody else makes one. */
export function removeCopy(path: string): void {
  const copy = copyOf(existsSync(path) ? realpathSync(path) : path);
  for (const tail of ['', '.wal']) rmSync(`${copy}${tail}`, { force: true });
}

/** Whoever could read or write the file can do so with its successor, and nobody else. */
function takeAfter(copy: string, file: string): void {
  const { mode, uid, gid } = statSync(file);
  const own = statSync(copy);
  if (own.uid !== uid || own.gid !== gid) {
    try {
      chownSync(copy, uid, gid);
    } catch {
      // Only an administrator may give a file away; its mode is what keeps others out.
    }
  }
  chmodSync(copy, mode & 0o7777);
}

const isForeignKey = (error: unknown): boolean => error instanceof Error && /foreign key/i.test(error.message);

async function tablesOf(connection: DuckDBConnection, database: string): Promise<string[]> {
  const found = await connection.runAndReadAll(
    `select schema_name, table_name from duckdb_tables() where database_name = ${literal(database)} and not internal and not temporary`,
  );
  return found.getRows().map(([schema, table]) => `${quoted(String(schema))}.${quoted(String(table))}`);
}

/** The tables one by one: those that others refer to go first, which is known by the others being refused until then. */
async function copyInOrder(connection: DuckDBConnection, database: string): Promise<void> {
  await connection.run(`copy from database ${quoted(database)} to scrubbed (schema)`);
  let waiting = await tablesOf(connection, database);
  while (waiting.length > 0) {
    const refused: string[] = [];
    let reason: unknown = null;
    for (const table of waiting) {
      try {
        await connection.run(`insert into scrubbed.${table} select * from ${quoted(database)}.${table}`);
      } catch (error) {
        if (!isForeignKey(error)) throw error;
        reason = error;
        refused.push(table);
      }
    }
    if (refused.length === waiting.length) throw reason;
    waiting = refused;
  }
}

async function attach(connection: DuckDBConnection, file: string): Promise<void> {
  removeCopy(file);
  await connection.run(`attach ${literal(copyOf(file))} as scrubbed`);
  takeAfter(copyOf(file), file);
}

async function copyWhole(connection: DuckDBConnection, file: string): Promise<void> {
  const own = String((await connection.runAndReadAll('select current_database()')).getRows()[0]?.[0]);
  await attach(connection, file);
  try {
    // https://duckdb.org/docs/stable/sql/statements/copy#copy-from-database--to
    await connection.run(`copy from database ${quoted(own)} to scrubbed`);
  } catch (error) {
    if (!isForeignKey(error)) throw error;
    // It copies tables in an order of its own, whatever refers to what.
    await connection.run('detach scrubbed');
    await attach(connection, file);
    await copyInOrder(connection, own);
  }
}

/**
 * Deleting leaves bytes in the file until their place is used again. A copy has only what is there; it takes the file's
 * place while this process still holds the old one, so that nobody opens either in between.
 */
export async function scrub(connection: DuckDBConnection, path: string): Promise<void> {
  const file = realpathSync(path);
  try {
    await connection.run('checkpoint');
    await copyWhole(connection, file);
    // Detaching would do it too, but says nothing of a failure, and what is left in the copy's log is removed.
    await connection.run('checkpoint scrubbed');
    await connection.run('detach scrubbed');
    renameSync(copyOf(file), file);
  } catch (error) {
    if (!isForeignKey(error)) throw error;
    throw new RollcallError(
      'config',
      `${path} has tables of yours whose foreign keys keep it from being copied (${String(error).split('\n', 1)[0]})`,
      { step: 'rewrite the file without what was deleted', cause: error },
    );
  } finally {
    removeCopy(path);
  }
}
