import { join } from 'node:path';
import type { Budget } from '../contract/budget.ts';
import { makeFolder, openPlain } from './database.ts';

/** A sliding minute, and some more against the network's uneven speed, in ms. */
const WINDOW = 60_500;

/** Budgets of all processes of a host. */
export interface HostBudget extends Budget {
  /** Takes back the newest request of a bucket, which was not sent after all. */
  refund(bucket: string): void;
  close(): void;
}

/** Request budgets in the state folder: processes that run one after or beside another share the minute. */
export function fileBudget(folder: string, now: () => number = Date.now): HostBudget {
  makeFolder(folder);
  const db = openPlain(join(folder, 'budgets.sqlite'), 'budgets', 5000);
  db.pragma('journal_mode = wal');
  // Lost in a power cut at worst, and then the server's own limit speaks.
  db.pragma('synchronous = off');
  db.exec('create table if not exists spent (bucket text not null, at real not null)');
  db.exec('create index if not exists spent_by_bucket on spent (bucket, at)');
  const expire = db.prepare('delete from spent where bucket = ? and (at <= ? or at > ?)');
  const count = db.prepare<[string], { spent: number }>('select count(*) as spent from spent where bucket = ?');
  const oldest = db
    .prepare<[string, number], number>('select at from spent where bucket = ? order by at limit 1 offset ?')
    .pluck();
  const insert = db.prepare('insert into spent (bucket, at) values (?, ?)');
  const refund = db.prepare(
    'delete from spent where rowid = (select rowid from spent where bucket = ? order by at desc limit 1)',
  );
  const spend = db.transaction((bucket: string, limit: number): number => {
    const at = now();
    // Times ahead of the clock are from before it was set back.
    expire.run(bucket, at - WINDOW, at);
    const spent = count.get(bucket)?.spent ?? 0;
    if (spent < limit) {
      insert.run(bucket, at);
      return 0;
    }
    return Math.max(1, (oldest.get(bucket, spent - limit) ?? at) + WINDOW - at);
  });
  return {
    spend: async (bucket, limit) => (limit === 0 ? 0 : spend.immediate(bucket, limit)),
    refund: (bucket) => {
      refund.run(bucket);
    },
    close: () => {
      if (db.open) db.close();
    },
  };
}
