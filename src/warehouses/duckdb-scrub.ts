import { realpathSync, renameSync, rmSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import { duckdbDialect } from './duckdb-dialect.ts';

/**
 * Deleting leaves bytes in the file until their place is used again. A copy has only what is there; it takes the file's
 * place while this process still holds the old one, so that nobody opens either in between.
 * https://duckdb.org/docs/stable/sql/statements/copy#copy-from-database--to
 */
export async function scrub(connection: DuckDBConnection, path: string): Promise<void> {
  const file = realpathSync(path);
  const copy = `${file}.scrubbed`;
  const remove = (): void => {
    for (const tail of ['', '.wal']) rmSync(`${copy}${tail}`, { force: true });
  };
  remove();
  try {
    await connection.run('checkpoint');
    const own = (await connection.runAndReadAll('select current_database()')).getRows()[0]?.[0];
    await connection.run(`attach ${duckdbDialect.literal(copy)} as scrubbed`);
    await connection.run(`copy from database ${duckdbDialect.name(String(own))} to scrubbed`);
    await connection.run('detach scrubbed');
    renameSync(copy, file);
  } finally {
    remove();
  }
}
