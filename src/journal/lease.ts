import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { RollcallError } from '../errors.ts';
import { explainSqlite, isUnreadable, makeFolder, openPlain } from './database.ts';

/** Who runs a connection, and since when. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
}

function holder(file: string): string {
  try {
    // Written by `lockFile` of the holding process.
    const found = JSON.parse(readFileSync(file, 'utf8')) as Holder;
    return `process ${found.pid} on ${found.host} since ${found.since}`;
  } catch {
    // The holder is between taking the lock and writing who it is.
    return 'another process';
  }
}

function lock(db: BetterSqlite3.Database): void {
  db.pragma('locking_mode = exclusive');
  db.exec('begin exclusive');
}

/** A lock of the operating system on a file, so that it ends with its process however that dies. */
export interface FileLock {
  /** The locked file, and the one that says who has it. */
  readonly file: string;
  readonly info: string;
  /** Whose it is; null for a lock of all connections. */
  readonly connection: string | null;
  /** What to throw while another process has it. */
  taken(who: string): RollcallError;
}

/** Takes a lock on a file and returns what gives it back. Its folder must be there. */
export function lockFile({ file, info, connection, taken }: FileLock): () => void {
  let db = openPlain(file, connection, 0);
  try {
    try {
      lock(db);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      db.close();
      // Emptied, not replaced: of two who find it so, both must lock the same file.
      truncateSync(file);
      db = openPlain(file, connection, 0);
      lock(db);
    }
  } catch (error) {
    db.close();
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') throw taken(holder(info));
    throw explainSqlite(error, file, connection);
  }
  writeFileSync(info, JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() }));
  return () => {
    if (db.open) db.close();
  };
}

/**
 * Takes the one lease of a connection on this host and returns what gives it back. Throws `busy` while another process
 * has it.
 */
export function acquireLease(folder: string, connection: string): () => void {
  makeFolder(folder, connection);
  return lockFile({
    file: join(folder, `${connection}.lock`),
    info: join(folder, `${connection}.lease.json`),
    connection,
    taken: (who) =>
      new RollcallError('busy', `${who} is running ${connection}; wait for it to end or stop it`, {
        connection,
        step: 'take the lease',
      }),
  });
}
