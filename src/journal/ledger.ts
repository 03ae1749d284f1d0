import { copyFileSync, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import type { Journal, Ledger, RebuildStart } from '../contract/journal.ts';
import type { Row } from '../contract/warehouse.ts';
import { explainSqlite, isUnreadable, makeFolder, openDatabase, removeFile, setAside } from './database.ts';
import { FORGET_PENDING, makeJournal } from './journal.ts';
import { unlessWriting } from './lease.ts';
import { sweepSpool } from './spool.ts';
import { buildIndex } from './user-index.ts';
import { standingCode } from './users.ts';
import { openWriteLog } from './write-log.ts';

/** Whose ledger, and where. */
export interface LedgerPlace {
  readonly connection: string;
  readonly source: string;
  /** state.dir of the config. */
  readonly folder: string;
  /** Milliseconds since 1970; the system's clock unless a test has another. */
  readonly clock?: () => number;
}

/** Path of a connection's ledger. */
export const ledgerFile = (folder: string, connection: string): string => join(folder, `${connection}.ledger`);

/** A ledger that is being filled, before it takes the other's place. */
const nextFile = (file: string): string => `${file}.new`;

const ROWS_A_TURN = 5000;

/** Indexes the users. A table with several rows of one user is known by the last of them; returns how many live ones are left out. */
async function index(db: BetterSqlite3.Database): Promise<number> {
  try {
    await buildIndex(db);
    return 0;
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('UNIQUE constraint')) throw error;
    const counted = db
      .prepare<[], number>(`select count(*) from users where standing <> ${standingCode('gone')}`)
      .pluck();
    const before = counted.get() ?? 0;
    db.exec('delete from users where num not in (select max(num) from users group by user_id)');
    await buildIndex(db);
    return before - (counted.get() ?? 0);
  }
}

async function fill(db: BetterSqlite3.Database, rows: AsyncIterable<Row>, start: RebuildStart): Promise<void> {
  const insert = db.prepare('insert into users (user_id, fingerprint, standing, seq) values (?, ?, ?, ?)');
  let live = 0;
  const write = db.transaction((group: readonly Row[]) => {
    for (const row of group) {
      // An account that is off may be listed or kept; the next scan tells, and until then nobody counts him missing.
      const standing = Number(row.gone) === 1 ? 'gone' : Number(row.off) === 1 ? 'inactive' : 'live';
      live += standing === 'gone' ? 0 : 1;
      insert.run(
        String(row.user_id),
        String(row.fingerprint),
        standingCode(standing),
        Math.min(Number(row.seq), start.seq),
      );
    }
  });
  let group: Row[] = [];
  for await (const row of rows) {
    group.push(row);
    if (group.length < ROWS_A_TURN) continue;
    write(group);
    group = [];
  }
  write(group);
  live -= await index(db);
  const { epoch, seq, batch_id, account, after } = start;
  db.prepare('update ledger set epoch = ?, seq = ?, batch_id = ?, account = ?, live = ?, clock = ?').run(
    epoch,
    seq,
    batch_id,
    account,
    live,
    (Date.parse(after) || 0) * 1000 + 999,
  );
}

/** What people look back on goes over to the new ledger, as far as it can be read: runs and rejected records. */
const CARRIED = [
  'insert or ignore into runs select * from old.runs',
  'insert or ignore into rejected select * from old.rejected where seq <= (select seq from old.ledger)',
  'update ledger set clock = max(clock, (select clock from old.ledger))',
];

/** Returns false where some of it could not be read. */
function carryOver(db: BetterSqlite3.Database, old: string): boolean {
  let whole = true;
  const without = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      whole = false;
    }
  };
  without(() => {
    db.prepare('attach database ? as old').run(old);
    for (const sql of CARRIED) without(() => db.exec(sql));
    db.exec('detach database old');
  });
  return whole;
}

/**
 * Opens a ledger beside whoever has the lease, to look at it. A reader leaves the log's files behind, which a writer
 * takes away when it is the last; so it is opened for writing without writing, unless a log is there already.
 */
function openToLook(file: string): BetterSqlite3.Database {
  if (!existsSync(`${file}-wal`)) {
    const db = new BetterSqlite3(file, { fileMustExist: true });
    try {
      db.pragma('query_only = on');
      db.prepare('select 1 from sqlite_master').get();
      return db;
    } catch (error) {
      db.close();
      if (isUnreadable(error)) throw error;
      // Whoever may not write may still read.
    }
  }
  return new BetterSqlite3(file, { readonly: true });
}

/** Looks into a ledger beside whoever has the lease; `look` must only read. The ledger must be there. */
export function readLedger<T>(place: LedgerPlace, look: (journal: Journal) => T): T {
  const file = ledgerFile(place.folder, place.connection);
  let db: BetterSqlite3.Database | null = null;
  try {
    db = openToLook(file);
    return look(makeJournal(db, { connection: place.connection, file, spool: null }));
  } catch (error) {
    throw explainSqlite(error, file, place.connection);
  } finally {
    db?.close();
  }
}

/** True where there is a ledger. A file without a byte is what a crash leaves that came before the first one. */
function hasLedger(folder: string, connection: string): boolean {
  return (statSync(ledgerFile(folder, connection), { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** True where the folder has a ledger of this connection, or what is left of one. */
export function hasFiles(folder: string, connection: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((name) => name.startsWith(`${connection}.ledger`));
}

/** Unreadable ledgers of a connection that were kept aside. */
export function brokenCopies(folder: string, connection: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${connection}.ledger.broken-`))
    .map((name) => join(folder, name));
}

/** The same as `readLedger` for a ledger that may not be there yet: then null. */
export function readLedgerIfThere<T>(place: LedgerPlace, look: (journal: Journal) => T): T | null {
  return hasLedger(place.folder, place.connection) ? readLedger(place, look) : null;
}

/** Removes a connection's ledger, spool and lease files. Call it under the lease. */
export function removeLedger(folder: string, connection: string): void {
  const file = ledgerFile(folder, connection);
  removeFile(file);
  removeFile(nextFile(file));
  const spool = join(folder, 'spool');
  if (existsSync(spool)) sweepSpool(spool, connection, []);
  const beside = [`${connection}.lock`, `${connection}.lease.json`].map((name) => join(folder, name));
  for (const other of [...beside, ...brokenCopies(folder, connection)]) rmSync(other, { force: true });
}

/** Copies a ledger's file as it is now. One that cannot be read is copied all the same: whoever opens the copy is told. */
async function copyFile(from: string, to: string): Promise<void> {
  try {
    const db = openToLook(from);
    try {
      await db.backup(to);
    } finally {
      db.close();
    }
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    removeFile(to);
    copyFileSync(from, to);
  }
}

async function copyLedger(place: LedgerPlace, folder: string): Promise<Ledger> {
  makeFolder(folder);
  const [from, to] = [ledgerFile(place.folder, place.connection), ledgerFile(folder, place.connection)];
  try {
    if (hasLedger(place.folder, place.connection)) {
      await copyFile(from, to);
      const copy = openDatabase(to, place.connection, place.source);
      try {
        // What is pending is not in the warehouse, so that a copy begins from what is.
        copy.exec(FORGET_PENDING);
      } finally {
        copy.close();
      }
    }
  } catch (error) {
    if (!isUnreadable(error)) throw explainSqlite(error, from, place.connection);
  }
  return makeLedger({ ...place, folder });
}

/** The ledger of one connection in the state folder. */
export function makeLedger(place: LedgerPlace): Ledger {
  const { connection, source, folder } = place;
  const file = ledgerFile(folder, connection);
  const spool = join(folder, 'spool');
  const journal = (db: BetterSqlite3.Database): Journal =>
    makeJournal(db, { connection, file, spool, ...(place.clock === undefined ? {} : { clock: place.clock }) });
  /** Returns false where the old ledger could not be read whole. */
  const makeNext = async (next: string, rows: AsyncIterable<Row>, start: RebuildStart): Promise<boolean> => {
    const db = openDatabase(next, connection, source);
    try {
      await fill(db, rows, start);
      const whole = !existsSync(file) || carryOver(db, file);
      db.pragma('wal_checkpoint(truncate)');
      return whole;
    } finally {
      db.close();
    }
  };
  const opened = (): { db: BetterSqlite3.Database; broken: string | null } => {
    try {
      return { db: openDatabase(file, connection, source), broken: null };
    } catch (error) {
      if (!isUnreadable(error)) throw explainSqlite(error, file, connection);
      const broken = setAside(file);
      return { db: openDatabase(file, connection, source), broken };
    }
  };
  return {
    writes: (make) => openWriteLog(folder, connection, make),
    unlessWriting: (work) => unlessWriting(folder, connection, work),
    open: async () => {
      makeFolder(folder, connection);
      makeFolder(spool, connection);
      // Of a rebuild that was killed: nobody else is at one while this process has the lease.
      removeFile(nextFile(file));
      const existed = hasLedger(folder, connection);
      const { db, broken } = opened();
      try {
        return { journal: journal(db), fresh: !existed || broken !== null, broken };
      } catch (error) {
        db.close();
        if (!isUnreadable(error)) throw explainSqlite(error, file, connection);
        // Its beginning could be read, but not what comes after.
        const aside = setAside(file);
        return { journal: journal(openDatabase(file, connection, source)), fresh: true, broken: aside };
      }
    },
    copy: (to) => copyLedger(place, to),
    rebuild: async (rows, start) => {
      const next = nextFile(file);
      removeFile(next);
      try {
        const whole = await makeNext(next, rows, start);
        // The old file stays until the new one takes its name: a crash here finds one of the two.
        if (!whole) setAside(file);
        for (const tail of ['-wal', '-shm']) rmSync(`${file}${tail}`, { force: true });
        renameSync(next, file);
        return journal(openDatabase(file, connection, source));
      } catch (error) {
        removeFile(next);
        throw explainSqlite(error, file, connection);
      }
    },
  };
}
