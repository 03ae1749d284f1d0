import { DuckDBInstance } from '@duckdb/node-api';
import { type Digest, digest } from './digest.ts';

/** What a sync left in the warehouse, read without any of Rollcall's code. */
export interface Loaded {
  /** Of the live rows. */
  readonly users: Digest;
  /** Rows of the change log. */
  readonly changes: number;
}

const LIVE = 'select user_id, name, email, availability from users where deleted_at is null';

/** Reads the tables of a warehouse file that nobody writes to. */
export async function readTables(path: string): Promise<Loaded> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const rows = (await connection.runAndReadAll(LIVE)).getRows();
    const counted = (await connection.runAndReadAll('select count(*) from user_changes')).getRows();
    const users = digest(rows.map((row) => row.map((value) => (value === null ? null : String(value)))));
    return { users, changes: Number(counted[0]?.[0]) };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
