import type BetterSqlite3 from 'better-sqlite3';
import { RollcallError } from '../errors.ts';

/**
 * Numbered migrations; a ledger's `user_version` is the number of the last one it had. Users are numbered as they are
 * first met, so that the rows expected on the next page are one range, and "seen" is a few ranges of numbers a page.
 */
const MIGRATIONS: readonly string[] = [
  `
  create table ledger (
    one integer primary key check (one = 1),
    connection text not null,
    source text not null,
    epoch text,
    seq integer not null,
    batch_id text not null,
    account text,
    live integer not null,
    tables text,
    layout text,
    refs text,
    recipe text,
    recheck integer not null default 0,
    finds integer not null default 0,
    scans integer not null default 0,
    completed integer not null default 0,
    clock integer not null
  ) strict;
  create table users (
    num integer primary key,
    user_id text not null,
    fingerprint text,
    standing integer not null,
    seq integer not null,
    was_fingerprint text,
    was_standing integer
  ) strict;
  create index users_inactive on users (num) where standing = 2;
  create index users_without_row on users (num) where standing in (1, 3);
  create table scan (
    one integer primary key check (one = 1),
    scan_id integer not null,
    kind text not null,
    recipe text not null,
    started_at text not null,
    moved_at text not null,
    cursor text,
    pages integer not null,
    complete integer not null,
    expect integer not null,
    restarts integer not null,
    bad integer not null default 0
  ) strict;
  create table pages (
    page integer primary key,
    cursor text,
    first text,
    seen blob not null
  ) strict;
  create table missed (
    scan_id integer not null,
    num integer not null,
    primary key (scan_id, num)
  ) strict, without rowid;
  create table batch (
    seq integer primary key,
    file text not null,
    lines integer not null,
    bytes integer not null,
    longest integer not null,
    opened_at text not null,
    effects text not null,
    ops text not null,
    batch_id text,
    run_id text,
    recorded_at text,
    refused text not null default '[]'
  ) strict;
  create table rejected (
    payload_hash text primary key,
    run_id text not null,
    page integer not null,
    user_id text,
    reason text not null,
    payload text not null,
    rejected_at text not null,
    replayed_at text,
    seq integer not null
  ) strict;
  create table runs (
    run_id text primary key,
    started_at text not null,
    sent integer not null,
    run text not null
  ) strict;
  create index runs_by_time on runs (started_at);
  `,
];

/** Version of the ledger's layout that this program writes. */
export const LEDGER_VERSION = MIGRATIONS.length;

/** Brings a ledger to this program's layout. A newer one is refused, never rewritten. */
export function migrate(db: BetterSqlite3.Database, connection: string, source: string): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > LEDGER_VERSION) {
    throw new RollcallError(
      'config',
      `the ledger ${db.name} was written by a newer Rollcall (layout ${version}, this program knows ${LEDGER_VERSION}); use that version again`,
      { connection, step: 'open ledger' },
    );
  }
  db.transaction(() => {
    for (const sql of MIGRATIONS.slice(version)) db.exec(sql);
    db.pragma(`user_version = ${LEDGER_VERSION}`);
    db.prepare(
      "insert or ignore into ledger (one, connection, source, seq, batch_id, live, clock) values (1, ?, ?, 0, '', 0, 0)",
    ).run(connection, source);
  })();
}
