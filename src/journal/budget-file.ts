import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import type { Budget } from '../contract/budget.ts';
import { explainSqlite, isUnreadable } from './database.ts';
import { explained } from './explained.ts';

/** A sliding minute, and some more against the network's uneven speed, in ms. */
const WINDOW = 60_500;

/** How long another process may hold the file, in ms. */
const PATIENCE = 5000;

/** Budgets of all processes of a host. */
export interface HostBudget extends Budget {
  /** Takes back the newest request of a bucket, which was not sent after all. */
  refund(bucket: string): void;
  close(): void;
}

/** What is done in an open file: spending one request of a bucket at a time, and taking the newest one back. */
interface Book {
  spend(bucket: string, limit: number, at: number): number;
  refund(bucket: string): void;
}

function prepare(db: BetterSqlite3.Database): Book {
  db.pragma('journal_mode = wal');
  // Lost in a power cut at worst, and then the minute before it is taken for spent.
  db.pragma('synchronous = off');
  db.exec('create table if not exists spent (bucket text not null, at real not null)');
  db.exec('create table if not exists lost (at real not null)');
  db.exec('create index if not exists spent_by_bucket on spent (bucket, at)');
  const expire = db.prepare('delete from spent where bucket = ? and at <= ?');
  const ahead = db.prepare('update spent set at = ? where bucket = ? and at > ?');
  const count = db.prepare<[string], { spent: number }>('select count(*) as spent from spent where bucket = ?');
  const oldest = db
    .prepare<[string, number], number>('select at from spent where bucket = ? order by at limit 1 offset ?')
    .pluck();
  const insert = db.prepare('insert into spent (bucket, at) values (?, ?)');
  const refund = db.prepare(
    'delete from spent where rowid = (select rowid from spent where bucket = ? order by at desc limit 1)',
  );
  const lost = db.prepare<[number], number | null>('select max(at) from lost where at <= ?').pluck();
  const spend = db.transaction((bucket: string, limit: number, at: number): number => {
    const forgotten = lost.get(at) ?? null;
    if (forgotten !== null && forgotten > at - WINDOW) return Math.max(1, Math.ceil(forgotten + WINDOW - at));
    expire.run(bucket, at - WINDOW);
    // Requests ahead of the clock are from before it was set back: they count as sent now.
    ahead.run(at, bucket, at);
    const spent = count.get(bucket)?.spent ?? 0;
    if (spent < limit) {
      insert.run(bucket, at);
      return 0;
    }
    return Math.max(1, (oldest.get(bucket, spent - limit) ?? at) + WINDOW - at);
  });
  return {
    spend: (bucket, limit, at) => spend.immediate(bucket, limit, at),
    refund: (bucket) => {
      refund.run(bucket);
    },
  };
}

/** An open file, told from one that took its name later. */
interface Open {
  readonly db: BetterSqlite3.Database;
  readonly inode: number;
  readonly book: Book;
}

const inodeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.ino ?? 0;

const TAILS = ['', '-wal', '-shm'];

/** The last moment at which anything can have been recorded in the file, in ms since 1970. */
function lastWritten(file: string): number {
  const times = TAILS.map((tail) => statSync(`${file}${tail}`, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return Math.max(...times);
}

function openAt(file: string): Open {
  const db = new BetterSqlite3(file, { timeout: PATIENCE });
  try {
    return { db, book: prepare(db), inode: inodeOf(file) };
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Makes a file anew that SQLite cannot read. What was spent is lost with it: every request that may have been in it was
 * sent before the file was last written, so that all buckets count as spent for a minute from then on.
 */
function makeAnew(file: string, unreadable: number, now: number): Open {
  // Another process may have done so meanwhile.
  if (inodeOf(file) === unreadable) {
    const at = Math.min(Math.floor(lastWritten(file)), now);
    for (const tail of TAILS) rmSync(`${file}${tail}`, { force: true });
    const made = openAt(file);
    made.db.prepare('insert into lost (at) values (?)').run(at);
    return made;
  }
  return openAt(file);
}

/** Request budgets in the state folder, which must be there by the first request: processes that run one after or beside another share the minute. */
export function fileBudget(folder: string, now: () => number = Date.now): HostBudget {
  const file = join(folder, 'budgets.sqlite');
  const opened = (): Open => {
    const inode = inodeOf(file);
    try {
      return openAt(file);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return makeAnew(file, inode, now());
    }
  };
  let current: Open | null = null;
  const close = (): void => {
    if (current?.db.open === true) current.db.close();
    current = null;
  };
  const use = <T>(work: (book: Book) => T): T => {
    // Whoever found it unreadable made it anew under the same name.
    if (current !== null && current.inode !== inodeOf(file)) close();
    current ??= opened();
    try {
      return work(current.book);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      const { inode } = current;
      close();
      current = makeAnew(file, inode, now());
      return work(current.book);
    }
  };
  const methods = {
    spend: async (bucket: string, limit: number) => (limit === 0 ? 0 : use((book) => book.spend(bucket, limit, now()))),
    refund: (bucket: string): void => use((book) => book.refund(bucket)),
    close,
  };
  return explained(methods, (error) => explainSqlite(error, file, null));
}
