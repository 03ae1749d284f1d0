import type BetterSqlite3 from 'better-sqlite3';
import type { Rejected } from '../contract/journal.ts';
import type { Run } from '../contract/run.ts';
import { damaged } from './database.ts';

/** Runs and rejected records: what the ledger keeps for people. */
export interface Records {
  save(run: Run, sent: boolean): void;
  list(limit: number): Run[];
  unsent(): Run[];
  markSent(run_ids: readonly string[]): void;
  markUnsent(most: number): void;
  hasRejected(payload_hash: string): boolean;
  /** `seq` is the batch that carries them. */
  reject(records: readonly Rejected[], seq: number): void;
  rejected(limit: number): Rejected[];
  /** Records that wait with a batch which the warehouse does not have. */
  pending(): Rejected[];
  markReplayed(payload_hashes: readonly string[], at: string): void;
  /** Older than these times; null keeps all. */
  retire(before: { readonly runs: string | null; readonly rejected: string | null }): {
    runs: number;
    rejected: number;
  };
}

/** Runs that stay however old they are: what a status is told from. */
const KEPT_RUNS = 20;

/** Runs are kept as JSON: the ledger never asks for their fields. */
export function makeRecords(db: BetterSqlite3.Database): Records {
  const save = db.prepare('insert or replace into runs (run_id, started_at, sent, run) values (?, ?, ?, ?)');
  const list = db.prepare<[number], string>('select run from runs order by started_at desc limit ?').pluck();
  const unsent = db.prepare<[], string>('select run from runs where sent = 0 order by started_at').pluck();
  const sent = db.prepare('update runs set sent = 1 where run_id = ?');
  const unmark = db.prepare(
    'update runs set sent = 0 where run_id in (select run_id from runs order by started_at desc limit ?)',
  );
  const known = db.prepare('select 1 from rejected where payload_hash = ?').pluck();
  const insert = db.prepare(
    'insert or ignore into rejected (payload_hash, run_id, page, user_id, reason, payload, rejected_at, seq) values (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const rejected = db.prepare<[number], Rejected>(
    'select payload_hash, run_id, page, user_id, reason, payload, rejected_at, replayed_at from rejected order by rejected_at desc limit ?',
  );
  const pending = db.prepare<[], Rejected>(
    'select payload_hash, run_id, page, user_id, reason, payload, rejected_at, replayed_at from rejected where seq > (select seq from ledger) order by rejected_at',
  );
  const replayed = db.prepare('update rejected set replayed_at = ? where payload_hash = ?');
  const retireRuns = db.prepare(
    `delete from runs where sent = 1 and started_at < ?
     and run_id not in (select run_id from runs order by started_at desc limit ?)`,
  );
  const retireRejected = db.prepare('delete from rejected where rejected_at < ? and seq <= (select seq from ledger)');
  const run = (text: string): Run => {
    try {
      // The texts were written by `save`.
      return JSON.parse(text) as Run;
    } catch (error) {
      throw damaged('the record of a run', error);
    }
  };
  return {
    save: (saved, isSent) => {
      save.run(saved.run_id, saved.started_at, isSent ? 1 : 0, JSON.stringify(saved));
    },
    list: (limit) => list.all(limit).map(run),
    unsent: () => unsent.all().map(run),
    markSent: (run_ids) => {
      for (const run_id of run_ids) sent.run(run_id);
    },
    markUnsent: (most) => {
      unmark.run(most);
    },
    hasRejected: (payload_hash) => known.get(payload_hash) !== undefined,
    reject: (records, seq) => {
      for (const r of records)
        insert.run(r.payload_hash, r.run_id, r.page, r.user_id, r.reason, r.payload, r.rejected_at, seq);
    },
    rejected: (limit) => rejected.all(limit),
    pending: () => pending.all(),
    retire: (before) => ({
      runs: before.runs === null ? 0 : retireRuns.run(before.runs, KEPT_RUNS).changes,
      rejected: before.rejected === null ? 0 : retireRejected.run(before.rejected).changes,
    }),
    markReplayed: (payload_hashes, at) => {
      for (const payload_hash of payload_hashes) replayed.run(at, payload_hash);
    },
  };
}
