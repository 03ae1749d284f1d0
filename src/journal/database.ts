import { chmodSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { RollcallError } from '../errors.ts';
import { migrate } from './schema.ts';

/** Pages of the write-ahead log before it is folded in; larger than SQLite's own for fewer, longer folds. */
const CHECKPOINT_PAGES = 4000;

/** Makes the state folder, readable by its owner alone. */
export function makeFolder(folder: string, connection?: string): void {
  try {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  } catch (error) {
    throw new RollcallError(
      'config',
      `cannot make the folder ${folder}: ${words(error)}; set state.dir to a folder that this user may write`,
      {
        step: 'open ledger',
        ...(connection === undefined ? {} : { connection }),
        cause: error,
      },
    );
  }
}

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const code = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** SQLite's words as an error that says who must act. `connection` null: a file that all connections share. */
export function explainSqlite(error: unknown, file: string, connection: string | null): RollcallError {
  if (error instanceof RollcallError) return error;
  const facts = { step: 'ledger', ...(connection === null ? {} : { connection }), cause: error };
  const full = ['SQLITE_FULL', 'ENOSPC', 'SQLITE_IOERR_WRITE', 'EDQUOT'];
  if (full.some((known) => code(error).startsWith(known))) {
    return new RollcallError(
      'transient',
      `the disk is full: could not write beside ${file}; free space and run again, nothing is lost`,
      facts,
    );
  }
  if (
    ['SQLITE_CANTOPEN', 'SQLITE_READONLY', 'EACCES', 'EPERM', 'EROFS'].some((known) => code(error).startsWith(known))
  ) {
    return new RollcallError(
      'config',
      `may not write ${file}: ${words(error)}; check the owner and permissions of ${dirname(file)}`,
      facts,
    );
  }
  if (isUnreadable(error)) {
    return new RollcallError(
      'transient',
      `the ledger ${file} is damaged; the next sync keeps it aside and makes a new one from the warehouse`,
      { ...facts, ledgerLost: true },
    );
  }
  return new RollcallError('bug', `${file} failed: ${words(error)}`, facts);
}

const UNREADABLE = ['SQLITE_NOTADB', 'SQLITE_CORRUPT'];

/** True for a file that SQLite cannot read as a database, or that has lost a table of ours. */
export function isUnreadable(error: unknown): boolean {
  if (UNREADABLE.some((known) => code(error).startsWith(known))) return true;
  // A thread's error comes with its words alone.
  return /^(no such (table|column)|database disk image is malformed|file is not a database)/.test(words(error));
}

/** The error of a file whose pages can be read, but not what stands in them. */
export function damaged(what: string, cause: unknown): Error {
  return Object.assign(new Error(`${what} cannot be read`, { cause }), { code: 'SQLITE_CORRUPT' });
}

/** Opens a SQLite file of ours; trouble with it is explained. */
export function openPlain(file: string, connection: string | null, timeout: number): BetterSqlite3.Database {
  try {
    return new BetterSqlite3(file, { timeout });
  } catch (error) {
    throw explainSqlite(error, file, connection);
  }
}

/** Opens a ledger file and brings it to this program's layout. Throws SQLite's own error for an unreadable file. */
export function openDatabase(file: string, connection: string, source: string): BetterSqlite3.Database {
  // Long enough for the thread that indexes a large ledger.
  const db = new BetterSqlite3(file, { timeout: 60_000 });
  try {
    db.pragma('journal_mode = wal');
    db.pragma('synchronous = full');
    db.pragma('cache_size = -4000');
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    migrate(db, connection, source);
    chmodSync(file, 0o600);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Removes a SQLite file and what belongs to it. */
export function removeFile(file: string): void {
  for (const tail of ['', '-wal', '-shm']) rmSync(`${file}${tail}`, { force: true });
}

/** Moves an unreadable ledger out of the way, kept for whoever wants to look at it. Nobody may have it open. */
export function setAside(file: string): string {
  const kept = `${file}.broken-${new Date().toISOString().replaceAll(/[:.]/g, '')}`;
  renameSync(file, kept);
  removeFile(file);
  return kept;
}
