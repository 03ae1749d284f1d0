import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import type { Journal, Ledger, RebuildStart } from '../contract/journal.ts';
import type { Row } from '../contract/warehouse.ts';
import { explainSqlite, isUnreadable, makeFolder, openDatabase, setAside } from './database.ts';
import { FORGET_PENDING, makeJournal } from './journal.ts';
import { sweepSpool } from './spool.ts';
import { buildIndex } from './user-index.ts';
import { standingCode } from './users.ts';

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

const ROWS_A_TURN = 5000;

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
  await buildIndex(db);
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

/** What people look back on goes over to the new ledger: runs and rejected records. */
function carryOver(db: BetterSqlite3.Database, old: string): void {
  db.prepare('attach database ? as old').run(old);
  db.exec(`
    insert or ignore into runs select * from old.runs;
    insert or ignore into rejected select * from old.rejected where seq <= (select seq from old.ledger);
    update ledger set clock = max(clock, (select clock from old.ledger));
    detach database old;
  `);
}

/** Looks into a ledger beside whoever has the lease; `look` must only read. The ledger must be there. */
export function readLedger<T>(place: LedgerPlace, look: (journal: Journal) => T): T {
  const file = ledgerFile(place.folder, place.connection);
  const db = new BetterSqlite3(file, { readonly: true });
  try {
    return look(makeJournal(db, { connection: place.connection, file, spool: null }));
  } catch (error) {
    throw explainSqlite(error, file, place.connection);
  } finally {
    db.close();
  }
}

/** The same for a ledger that may not be there yet: then null. */
export function readLedgerIfThere<T>(place: LedgerPlace, look: (journal: Journal) => T): T | null {
  return existsSync(ledgerFile(place.folder, place.connection)) ? readLedger(place, look) : null;
}

/** Removes a connection's ledger, spool and lease files. Call it under the lease. */
export function removeLedger(folder: string, connection: string): void {
  const file = ledgerFile(folder, connection);
  removeFile(file);
  removeFile(`${file}.new`);
  const spool = join(folder, 'spool');
  if (existsSync(spool)) sweepSpool(spool, connection, []);
  const broken = readdirSync(folder).filter((name) => name.startsWith(`${connection}.ledger.broken-`));
  for (const name of [`${connection}.lock`, `${connection}.lease.json`, ...broken])
    rmSync(join(folder, name), { force: true });
}

const removeFile = (file: string): void => {
  for (const tail of ['', '-wal', '-shm']) rmSync(`${file}${tail}`, { force: true });
};

async function copyLedger(place: LedgerPlace, folder: string): Promise<Ledger> {
  makeFolder(folder);
  const [from, to] = [ledgerFile(place.folder, place.connection), ledgerFile(folder, place.connection)];
  if (existsSync(from)) {
    const db = new BetterSqlite3(from, { readonly: true });
    try {
      await db.backup(to);
    } finally {
      db.close();
    }
    const copy = openDatabase(to, place.connection, place.source);
    // What is pending is not in the warehouse, so that a copy begins from what is.
    copy.exec(FORGET_PENDING);
    copy.close();
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
    open: async () => {
      makeFolder(folder, connection);
      makeFolder(spool, connection);
      const existed = existsSync(file);
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
      const next = `${file}.new`;
      removeFile(next);
      try {
        const db = openDatabase(next, connection, source);
        try {
          await fill(db, rows, start);
          if (existsSync(file)) carryOver(db, file);
          db.pragma('wal_checkpoint(truncate)');
        } finally {
          db.close();
        }
        // The old file stays until the new one takes its name: a crash here finds one of the two.
        for (const tail of ['-wal', '-shm']) rmSync(`${file}${tail}`, { force: true });
        renameSync(next, file);
        return journal(openDatabase(file, connection, source));
      } catch (error) {
        throw explainSqlite(error, file, connection);
      }
    },
  };
}
