import type BetterSqlite3 from 'better-sqlite3';
import type { OpenScan, Place } from '../contract/journal.ts';
import { type NumberSet, numberSet, packRanges, unpackRanges } from './seen.ts';

interface ScanRow {
  scan_id: number;
  kind: 'sync' | 'backfill';
  recipe: string;
  started_at: string;
  moved_at: string;
  cursor: string | null;
  pages: number;
  complete: number;
  expect: number;
  restarts: number;
  bad: number;
}

/** The open scan: its place in the listing and whom it has met. */
export interface Scans {
  current(): OpenScan | null;
  seen(): NumberSet;
  /** Number that the next page's users are expected to begin at, as recorded. */
  expect(): number;
  begin(kind: 'sync' | 'backfill', recipe: string, at: string): OpenScan;
  restart(at: string): OpenScan;
  /** Inside the page's transaction. */
  record(place: Place, seen: readonly number[], expect: number, at: string): void;
  /** After the transaction: what memory holds follows what the disk holds. */
  recorded(place: Place, seen: readonly number[], at: string): void;
  end(): void;
  /** Follows a ledger whose open scan was deleted. */
  forget(): void;
}

interface Live {
  scan: OpenScan & { cursors: Set<string>; firsts: Set<string> };
  seen: NumberSet;
}

/** Pages after the last recorded cursor are of an answer that is read again: their first record is no repetition. */
function load(db: BetterSqlite3.Database): Live | null {
  const row = db.prepare<[], ScanRow>('select * from scan').get();
  if (row === undefined) return null;
  const seen = numberSet();
  const cursors = new Set<string>();
  const firsts = new Set<string>();
  let pending: string | null = null;
  for (const page of db
    .prepare<[], { cursor: string | null; first: string | null; seen: Buffer }>(
      'select cursor, first, seen from pages order by page',
    )
    .iterate()) {
    for (const num of unpackRanges(page.seen)) seen.add(num);
    pending = page.first ?? pending;
    if (page.cursor === null && row.complete === 0) continue;
    if (pending !== null) firsts.add(pending);
    if (page.cursor !== null) cursors.add(page.cursor);
    pending = null;
  }
  return { scan: { ...row, complete: row.complete === 1, cursors, firsts }, seen };
}

/** Reads the open scan back, seen users and all. */
export function makeScans(db: BetterSqlite3.Database): Scans {
  let live = load(db);
  const write = db.prepare(
    'insert or replace into scan (one, scan_id, kind, recipe, started_at, moved_at, cursor, pages, complete, expect, restarts) values (1, (select scans from ledger), ?, ?, ?, ?, null, 0, 0, 1, ?)',
  );
  const page = db.prepare('insert into pages (page, cursor, first, seen) values (?, ?, ?, ?)');
  const move = db.prepare(
    'update scan set moved_at = ?, cursor = coalesce(?, cursor), pages = pages + 1, complete = ?, expect = ?, bad = bad + ?',
  );
  const expected = db.prepare<[], number>('select expect from scan').pluck();
  const wipe = db.transaction((then: () => void) => {
    db.prepare('delete from pages').run();
    db.prepare('delete from scan').run();
    then();
  });
  const begin = (kind: 'sync' | 'backfill', recipe: string, at: string, restarts: number): OpenScan => {
    wipe(() => {
      db.prepare('update ledger set scans = scans + 1').run();
      write.run(kind, recipe, at, at, restarts);
    });
    live = load(db);
    if (live === null) throw new Error('the scan that was just begun is not in the ledger');
    return live.scan;
  };
  const now = (): Live => {
    if (live === null) throw new Error('no scan is open');
    return live;
  };
  return {
    current: () => live?.scan ?? null,
    seen: () => now().seen,
    expect: () => expected.get() ?? 1,
    begin: (kind, recipe, at) => begin(kind, recipe, at, 0),
    restart: (at) => begin(now().scan.kind, now().scan.recipe, at, now().scan.restarts + 1),
    record: (place, seen, expect, at) => {
      page.run(now().scan.pages + 1, place.cursor, place.first, packRanges(seen));
      move.run(at, place.cursor, place.last ? 1 : 0, expect, place.bad);
    },
    recorded: (place, seen, at) => {
      const { scan, seen: met } = now();
      for (const num of seen) met.add(num);
      if (place.first !== null) scan.firsts.add(place.first);
      if (place.cursor !== null) scan.cursors.add(place.cursor);
      live = {
        seen: met,
        scan: {
          ...scan,
          pages: scan.pages + 1,
          cursor: place.cursor ?? scan.cursor,
          complete: place.last,
          bad: scan.bad + place.bad,
          moved_at: at,
        },
      };
    },
    forget: () => {
      live = null;
    },
    end: () => {
      // A complete scan is one of the two in a row that prove an absence; one that was given up is not.
      if (live?.scan.complete === true) db.prepare('update ledger set completed = (select scan_id from scan)').run();
      wipe(() => {
        db.prepare('delete from missed where scan_id <> (select completed from ledger)').run();
      });
      live = null;
    },
  };
}
