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

/** A lock of the operating system on a file, so that it ends with its process however that dies. */
export interface FileLock {
  /** The locked file, and the one that says who has it. */
  readonly file: string;
  readonly info: string;
  /** For the words of errors: a connection's name, or what the lock is for. */
  readonly subject: string;
  /** What to throw while another process has it. */
  taken(who: string): RollcallError;
}

/** Takes a lock on a file and returns what gives it back. Its folder must be there. */
export function lockFile({ file, info, subject, taken }: FileLock): () => void {
  let db = openPlain(file, subject, 0);
  try {
    try {
      lock(db);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      db.close();
      // Emptied, not replaced: of two who find it so, both must lock the same file.
      truncateSync(file);
      db = openPlain(file, subject, 0);
      lock(db);
    }
  } catch (error) {
    db.close();
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') throw taken(holder(info));
    throw explainSqlite(error, file, subject);
  }
  writeFileSync(info, JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() }));
  return () => {
    if (db.open) db.close();
  };
}

/**
 * What a lease is for: to run the connection, or to write to its source. One process at a time does either; a write
 * goes on beside a run.
 */
export type LeaseKind = 'run' | 'write';

const LEASES = { run: { files: '', does: 'running' }, write: { files: '.writes', does: 'writing to' } } as const;

/**
 * Takes the one lease of a connection on this host and returns what gives it back. Throws `busy` while another process
 * has it.
 */
export function acquireLease(folder: string, connection: string, kind: LeaseKind = 'run'): () => void {
  makeFolder(folder, connection);
  const { files, does } = LEASES[kind];
  return lockFile({
    file: join(folder, `${connection}${files}.lock`),
    info: join(folder, `${connection}${files}.lease.json`),
    subject: connection,
    taken: (who) =>
      new RollcallError('busy', `${who} is ${does} ${connection}; wait for it to end or stop it`, {
        connection,
        step: 'take the lease',
      }),
  });
}

/** Does work while nobody on this host writes to the connection's users; not at all where somebody does. */
export function unlessWriting(folder: string, connection: string, work: () => void): void {
  let release: () => void;
  try {
    release = acquireLease(folder, connection, 'write');
  } catch (error) {
    if (error instanceof RollcallError && error.kind === 'busy') return;
    throw error;
  }
  try {
    work();
  } finally {
    release();
  }
}
