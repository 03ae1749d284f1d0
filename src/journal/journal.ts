import { rmSync } from 'node:fs';
import type BetterSqlite3 from 'better-sqlite3';
import { addEffects, type Effects, effect, noEffects, UNKNOWN } from '../contract/effects.ts';
import type { Batch, Diffed, Journal, Known, LedgerFacts, Rejected } from '../contract/journal.ts';
import { makeBatches } from './batches.ts';
import { instantText, nextMicros } from './clock.ts';
import { explainSqlite, isUnreadable, setAside } from './database.ts';
import { explained } from './explained.ts';
import { makeRecords } from './runs.ts';
import { makeScans } from './scans.ts';
import { makeSpool, sweepSpool } from './spool.ts';
import { makeUsers, standingCode } from './users.ts';

/** Where a journal lives. */
export interface JournalPlace {
  readonly connection: string;
  readonly file: string;
  /** Folder of spool files; null for a ledger that is only looked into. */
  readonly spool: string | null;
  readonly clock?: () => number;
}

type Parts = ReturnType<typeof parts>;

function parts(db: BetterSqlite3.Database, place: JournalPlace) {
  const facts = db.prepare<[], LedgerFacts & { clock: number }>(
    'select epoch, seq, batch_id, account, live, tables, layout, refs, recipe, clock from ledger',
  );
  const read = (): LedgerFacts & { clock: number } => {
    const row = facts.get();
    if (row === undefined) throw new Error('the ledger has lost its own facts');
    return row;
  };
  // Asked for every known user; the row of the ledger changes only in `note` and `promote`.
  let applied = read().seq;
  const spool = makeSpool();
  const batches = makeBatches(db, spool, place.spool ?? '', place.connection);
  const set = (changed: Partial<LedgerFacts>): void => {
    const names = Object.keys(changed);
    if (names.length === 0) return;
    db.prepare(`update ledger set ${names.map((name) => `${name} = ?`).join(', ')}`).run(...Object.values(changed));
    applied = changed.seq ?? applied;
  };
  const setClock = db.prepare('update ledger set clock = ?');
  const now = (): string => {
    const micros = nextMicros(read().clock, (place.clock ?? Date.now)());
    setClock.run(micros);
    return instantText(micros);
  };
  return {
    db,
    facts: (): LedgerFacts => {
      const { clock: _clock, ...rest } = read();
      return rest;
    },
    set,
    now,
    seq: () => applied,
    spool,
    users: makeUsers(
      db,
      () => applied,
      (seq) => batches.sealed()?.seq === seq,
    ),
    scans: makeScans(db),
    batches,
    records: makeRecords(db),
  };
}

/** One page: its lines on the disk first, then everything about it in one transaction. */
async function step(p: Parts, page: Diffed): Promise<void> {
  const seq = (p.batches.sealed()?.seq ?? p.seq()) + 1;
  const appended = page.lines.length === 0 ? null : await p.batches.append(page.lines, seq);
  let at = '';
  p.db.transaction(() => {
    at = p.now();
    p.users.write(page.moves, seq);
    p.records.reject(page.rejected, seq);
    if (appended !== null) p.batches.record(appended, page.effects, at);
    if (page.place !== null) p.scans.record(page.place, page.seen, p.users.expect(), at);
  })();
  if (page.place === null) return;
  p.scans.recorded(page.place, page.seen, at);
  if (page.place.last) await p.users.index();
}

function promote(p: Parts, batch: Batch, record: (effects: Effects) => void): Effects {
  const effects = { ...batch.effects };
  const revert = p.db.prepare('update users set standing = ? where num = ?');
  let file: string | null = null;
  p.db.transaction(() => {
    for (const user_id of p.batches.refused()) {
      const user = p.users.find(user_id);
      if (user === null) continue;
      const undone = effect(user.loaded, user);
      if (undone !== null) addEffects(effects, { ...noEffects(), [undone]: 1 }, -1);
      const had = effect(user.loaded, UNKNOWN) === 'deleted';
      const without = user.loaded.standing === 'gone' ? 'gone' : 'rejected';
      revert.run(standingCode(had ? 'stale' : without), user.num);
    }
    const live = p.facts().live + effects.inserted + effects.restored - effects.deleted;
    p.set({ seq: batch.seq, batch_id: batch.batch_id, live });
    file = p.batches.drop();
    record(effects);
  })();
  if (file !== null) rmSync(file, { force: true });
  return effects;
}

function listed(p: Parts): string | null {
  const seen = p.scans.seen();
  let last: string | null = null;
  for (let num = 1; num < p.users.end(); num += 1) {
    const user = seen.has(num) ? p.users.get(num) : null;
    if (user?.standing === 'live') return user.user_id;
    if (user?.standing === 'stale') last ??= user.user_id;
  }
  return last;
}

function* missing(p: Parts): Iterable<Known> {
  const seen = p.scans.seen();
  for (let num = 1; num < p.users.end(); num += 1) {
    if (seen.has(num)) continue;
    const user = p.users.get(num);
    if (user !== null && (user.standing === 'live' || user.standing === 'stale')) yield user;
  }
}

function* live(p: Parts): Iterable<Known> {
  for (let num = 1; num < p.users.end(); num += 1) {
    const user = p.users.get(num);
    if (user?.standing === 'live') yield user;
  }
}

/** Versions of a batch that was not applied go back to what the warehouse has. */
export const FORGET_PENDING = `
  update users set fingerprint = was_fingerprint, standing = was_standing where seq > (select seq from ledger);
  update users set seq = (select seq from ledger) where seq > (select seq from ledger);
  delete from rejected where seq > (select seq from ledger);
  delete from batch;
  delete from scan;
  delete from pages;
`;

function dropPending(p: Parts, place: JournalPlace): readonly Rejected[] {
  const rejected = p.records.pending();
  p.db.transaction(() => {
    p.db.exec(FORGET_PENDING);
    // Roles and teams may have been in the dropped batch.
    p.set({ refs: null });
  })();
  p.scans.forget();
  if (place.spool !== null) sweepSpool(place.spool, place.connection, []);
  return rejected;
}

function erase(p: Parts, user_id: string): void {
  // What is deleted is overwritten too, in the file and in its log.
  p.db.pragma('secure_delete = on');
  p.db.transaction(() => {
    const user = p.users.find(user_id);
    const had = user !== null && effect(user.loaded, UNKNOWN) === 'deleted';
    p.db.prepare('delete from users where user_id = ?').run(user_id);
    p.db.prepare('delete from rejected where user_id = ?').run(user_id);
    p.set({ refs: null, live: p.facts().live - (had ? 1 : 0) });
  })();
  // Pages that were freed before hold what they held until the file is written anew.
  p.db.exec('vacuum');
  p.db.pragma('wal_checkpoint(truncate)');
}

/** Whom complete scans did not see, and whose turn it is to be looked up again. */
function absences(p: Parts, db: BetterSqlite3.Database) {
  const missed = db.prepare('select 1 from missed where num = ? and scan_id = (select completed from ledger)').pluck();
  const add = db.prepare('insert or ignore into missed (scan_id, num) values ((select scan_id from scan), ?)');
  const inactive = `standing = ${standingCode('inactive')}`;
  const after = db
    .prepare<[number], number>(`select num from users where ${inactive} and num > ? order by num`)
    .pluck();
  const turn = db.prepare<[], number>('select recheck from ledger').pluck();
  const setTurn = db.prepare('update ledger set recheck = ?');
  const count = db.prepare(`select count(*) from users where ${inactive}`).pluck();
  const rowless = db.prepare<[], number>('select num from users where standing in (1, 3)').pluck();
  return {
    missedBefore: (num: number) => missed.get(num) !== undefined,
    noteMissed: db.transaction((nums: readonly number[]) => {
      for (const num of nums) add.run(num);
    }),
    recheck: (most: number): Known[] => {
      const from = turn.get() ?? 0;
      const unmet = (nums: readonly number[]) => nums.filter((num) => !p.scans.seen().has(num));
      const later = unmet(after.all(from));
      const turned = [...later, ...unmet(after.all(0)).filter((num) => num <= from)].slice(0, most);
      const last = turned.at(-1);
      if (last !== undefined) setTurn.run(last);
      return turned.map((num) => p.users.get(num)).filter((user) => user !== null);
    },
    inactive: () => Number(count.get()),
    unseenInactive: () => after.all(0).filter((num) => !p.scans.seen().has(num)).length,
    seenWithoutRow: () => rowless.all().filter((num) => p.scans.seen().has(num)).length,
  };
}

/**
 * The journal over an open ledger file. Spool files that the ledger does not name are removed. A ledger that turns out
 * to be damaged while it is used is set aside when it is closed: SQLite's own files must not be taken from under it.
 */
export function makeJournal(db: BetterSqlite3.Database, place: JournalPlace): Journal {
  const p = parts(db, place);
  if (place.spool !== null) sweepSpool(place.spool, place.connection, p.batches.files());
  if (p.scans.current() !== null) p.users.setExpect(p.scans.expect());
  const journal: Journal = {
    facts: p.facts,
    note: p.set,
    now: p.now,
    scan: p.scans.current,
    beginScan: (kind, recipe) => {
      p.users.setExpect(1);
      return p.scans.begin(kind, recipe, p.now());
    },
    restartScan: () => {
      p.users.setExpect(1);
      return p.scans.restart(p.now());
    },
    endScan: p.scans.end,
    seenCount: () => p.scans.seen().size(),
    wasSeen: (num) => p.scans.current() !== null && p.scans.seen().has(num),
    meet: (ids) => p.users.meet(ids),
    number: p.users.number,
    hasRejected: p.records.hasRejected,
    step: (page) => step(p, page),
    openBatch: p.batches.open,
    seal: (run_id) => p.batches.seal(p.facts().epoch ?? 'none', run_id, p.now),
    sealed: p.batches.sealed,
    refuse: p.batches.refuse,
    promote: async (batch, record = () => undefined) => promote(p, batch, record),
    listed: () => listed(p),
    missing: () => missing(p),
    live: () => live(p),
    ...absences(p, db),
    rejected: p.records.rejected,
    markReplayed: p.records.markReplayed,
    spoolIntact: p.batches.intact,
    dropPending: () => dropPending(p, place),
    erase: (user_id) => erase(p, user_id),
    saveRun: p.records.save,
    runs: p.records.list,
    unsentRuns: p.records.unsent,
    markSent: p.records.markSent,
    markUnsent: p.records.markUnsent,
    retire: p.records.retire,
    checkpoint: () => {
      db.pragma('wal_checkpoint(truncate)');
    },
    close: () => {
      void p.spool.close();
      const wasOpen = db.open;
      db.close();
      if (lost && wasOpen && place.spool !== null) setAside(place.file);
    },
  };
  let lost = false;
  return explained(journal, (error) => {
    lost ||= isUnreadable(error);
    return explainSqlite(error, place.file, place.connection);
  });
}
