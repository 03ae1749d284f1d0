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
    // Written by `acquireLease` of the holding process.
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

/**
 * What a lease is for: to run the connection, or to write to its source. One process at a time does either; a write
 * goes on beside a run.
 */
export type LeaseKind = 'run' | 'write';

const LEASES = { run: { files: '', does: 'running' }, write: { files: '.writes', does: 'writing to' } } as const;

/**
 * Takes the one lease of a connection on this host and returns what gives it back. It is a lock of the operating system
 * on a file, so that it ends with its process however that dies. Throws `busy` while another process has it.
 */
export function acquireLease(folder: string, connection: string, kind: LeaseKind = 'run'): () => void {
  makeFolder(folder, connection);
  const { files, does } = LEASES[kind];
  const file = join(folder, `${connection}${files}.lock`);
  const info = join(folder, `${connection}${files}.lease.json`);
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
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') {
      throw new RollcallError('busy', `${holder(info)} is ${does} ${connection}; wait for it to end or stop it`, {
        connection,
        step: 'take the lease',
      });
    }
    throw explainSqlite(error, file, connection);
  }
  writeFileSync(info, JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() }));
  return () => {
    if (db.open) db.close();
  };
}
