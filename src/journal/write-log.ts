import { chmodSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import type { Changes, Mark, WriteEntry, WriteLog } from '../contract/writes.ts';
import { RollcallError } from '../errors.ts';
import { explainSqlite, isUnreadable, makeFolder, openPlain } from './database.ts';
import { explained } from './explained.ts';

/** Writes that the warehouse has are remembered for so long, in ms: a file that is applied again is told apart by them. */
const KEPT = 90 * 24 * 60 * 60_000;

/** Layout of the file; a newer one is refused. */
const VERSION = 1;

const LAYOUT = `
  create table writes (
    write_id text primary key,
    key text not null,
    user_id text,
    op text not null,
    changes text not null,
    before text not null,
    outcome text,
    requested_at text not null,
    answered_at text,
    actor text not null,
    response_status integer,
    error text,
    sent integer not null default 0
  ) strict;
  create index writes_by_key on writes (key);
  create index writes_by_user on writes (user_id);
  create index writes_unsent on writes (requested_at) where sent = 0;
  create table marks (
    turn integer primary key autoincrement,
    user_id text not null unique
  ) strict;
`;

/** An entry as it is stored: lists and objects as JSON. */
type Row = Omit<WriteEntry, 'changes' | 'before'> & { readonly changes: string; readonly before: string };

const COLUMNS =
  'write_id, key, user_id, op, changes, before, outcome, requested_at, answered_at, actor, response_status, error';

/** Both texts were written by `begin`. */
const asEntry = (row: Row): WriteEntry => ({
  ...row,
  changes: JSON.parse(row.changes) as Changes,
  before: JSON.parse(row.before) as string[],
});

/** Path of a connection's journal of writes. */
export const writeLogFile = (folder: string, connection: string): string => join(folder, `${connection}.writes`);

function migrate(db: BetterSqlite3.Database, file: string, connection: string): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > VERSION) {
    throw new RollcallError(
      'config',
      `${file} was written by a newer Rollcall (layout ${version}, this program knows ${VERSION}); use that version again`,
      { connection, step: 'open the journal of writes' },
    );
  }
  if (version === 0) {
    db.transaction(() => {
      db.exec(LAYOUT);
      db.pragma(`user_version = ${VERSION}`);
    }).immediate();
  }
}

function explain(error: unknown, file: string, connection: string): RollcallError {
  if (!isUnreadable(error)) return explainSqlite(error, file, connection);
  return new RollcallError(
    'config',
    `the journal of writes ${file} is damaged; move it away and look in the source what became of the last writes before repeating them`,
    { connection, step: 'open the journal of writes', cause: error },
  );
}

function opened(file: string, connection: string): BetterSqlite3.Database {
  const db = openPlain(file, connection, 10_000);
  try {
    db.pragma('journal_mode = wal');
    // What is said to be recorded must be on the disk: a write that was sent is found again after a power cut.
    db.pragma('synchronous = full');
    migrate(db, file, connection);
    db.prepare('delete from writes where sent = 1 and requested_at < ?').run(new Date(Date.now() - KEPT).toISOString());
    chmodSync(file, 0o600);
    return db;
  } catch (error) {
    db.close();
    throw explain(error, file, connection);
  }
}

function ends(db: BetterSqlite3.Database): WriteLog['end'] {
  const end = db.prepare(
    'update writes set user_id = ?, outcome = ?, answered_at = ?, response_status = ?, error = ?, sent = 0 where write_id = ?',
  );
  const unmark = db.prepare('delete from marks where user_id = ?');
  const mark = db.prepare('insert into marks (user_id) values (?)');
  return db.transaction((write_id, { user_id, outcome, answered_at, response_status, error }) => {
    end.run(user_id, outcome, answered_at, response_status, error, write_id);
    if (outcome === 'failed' || user_id === null) return;
    unmark.run(user_id);
    mark.run(user_id);
  });
}

function erase(db: BetterSqlite3.Database, user_id: string): void {
  db.pragma('secure_delete = on');
  db.prepare('delete from writes where user_id = ?').run(user_id);
  db.prepare('delete from marks where user_id = ?').run(user_id);
  // Pages that were freed before hold what they held until the file is written anew.
  db.exec('vacuum');
  db.pragma('wal_checkpoint(truncate)');
}

function logOver(db: BetterSqlite3.Database): WriteLog {
  const begin = db.prepare(
    `insert into writes (${COLUMNS}) values (@write_id, @key, @user_id, @op, @changes, @before, @outcome, @requested_at, @answered_at, @actor, @response_status, @error)`,
  );
  const drop = db.prepare('delete from writes where write_id = ?');
  const of = db.prepare<[string], Row>(
    `select ${COLUMNS} from writes where key = ? order by requested_at desc, rowid desc`,
  );
  const gone = db
    .prepare("select 1 from writes where user_id = ? and op = 'delete' and outcome = 'applied' limit 1")
    .pluck();
  const open = db.prepare<[], Row>(`select ${COLUMNS} from writes where outcome is null order by rowid`);
  const unsent = db.prepare<[number], Row>(
    `select ${COLUMNS} from writes where sent = 0 and outcome is not null order by requested_at, rowid limit ?`,
  );
  const sent = db.prepare('update writes set sent = 1 where write_id = ?');
  const marks = db.prepare<[], Mark>('select user_id, turn from marks order by turn');
  const unmark = db.prepare('delete from marks where user_id = ? and turn <= ?');
  return {
    begin: (entry) => {
      begin.run({ ...entry, changes: JSON.stringify(entry.changes), before: JSON.stringify(entry.before) });
    },
    end: ends(db),
    drop: (write_id) => {
      drop.run(write_id);
    },
    of: (key) => of.all(key).map(asEntry),
    deleted: (user_id) => gone.get(user_id) !== undefined,
    open: () => open.all().map(asEntry),
    unsent: (limit) => unsent.all(limit).map(asEntry),
    markSent: db.transaction((write_ids) => {
      for (const write_id of write_ids) sent.run(write_id);
    }),
    marks: () => marks.all(),
    unmark: db.transaction((taken) => {
      for (const { user_id, turn } of taken) unmark.run(user_id, turn);
    }),
    erase: (user_id) => erase(db, user_id),
    close: () => {
      db.close();
    },
  };
}

/** Opens a connection's journal of writes; null where there is none and `make` is false. */
export function openWriteLog(folder: string, connection: string, make: boolean): WriteLog | null {
  const file = writeLogFile(folder, connection);
  if (!make && !existsSync(file)) return null;
  makeFolder(folder, connection);
  const db = opened(file, connection);
  return explained(logOver(db), (error) => explain(error, file, connection));
}

/** Removes a connection's journal of writes, and the lock of those who write. */
export function removeWriteLog(folder: string, connection: string): void {
  const file = writeLogFile(folder, connection);
  for (const tail of ['', '-wal', '-shm', '.lock', '.lease.json']) rmSync(`${file}${tail}`, { force: true });
}
