import type BetterSqlite3 from 'better-sqlite3';
import type { Standing, Version } from '../contract/effects.ts';
import type { Known, Move } from '../contract/journal.ts';
import { type IdFilter, idFilter } from './id-filter.ts';
import { buildIndex, hasIndex } from './user-index.ts';

const STANDINGS: readonly Standing[] = ['live', 'gone', 'inactive', 'rejected', 'stale'];

/** How a standing is stored. */
export const standingCode = (standing: Standing): number => STANDINGS.indexOf(standing);

const standingOf = (code: number | null): Standing => STANDINGS[code ?? -1] ?? 'rejected';

type UserRow = [
  num: number,
  user_id: string,
  fingerprint: string | null,
  standing: number,
  seq: number,
  was_fingerprint: string | null,
  was_standing: number | null,
];

const COLUMNS = 'num, user_id, fingerprint, standing, seq, was_fingerprint, was_standing';

/** Rows read beyond a page's own, so that a few who left do not cost a search each. */
const WINDOW_SLACK = 100;

/** The known users of a ledger. */
export interface Users {
  /** Looks at the rows expected next first: a listing mostly keeps its order. */
  meet(ids: readonly string[]): Promise<(Known | null)[]>;
  /** Number that the next page's users are expected to begin at. */
  expect(): number;
  setExpect(num: number): void;
  number(): number;
  write(moves: readonly Move[], seq: number): void;
  find(user_id: string): Known | null;
  get(num: number): Known | null;
  /** Numbers handed out so far are below this one. */
  end(): number;
  /** Builds the index of ids where it is missing, without holding up this thread. */
  index(): Promise<void>;
}

interface Store {
  readonly range: (from: number, count: number) => UserRow[];
  readonly one: (user_id: string) => UserRow | undefined;
  readonly write: (move: Move, seq: number) => void;
}

function statements(db: BetterSqlite3.Database): Store {
  const range = db.prepare<[number, number], UserRow>(
    `select ${COLUMNS} from users where num >= ? order by num limit ?`,
  );
  const one = db.prepare<[string], UserRow>(`select ${COLUMNS} from users where user_id = ?`);
  const insert = db.prepare(`insert into users (${COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)`);
  const update = db.prepare(
    'update users set fingerprint = ?, standing = ?, seq = ?, was_fingerprint = ?, was_standing = ? where num = ?',
  );
  range.raw();
  one.raw();
  return {
    range: (from, count) => range.all(from, count),
    one: (user_id) => one.get(user_id),
    write: ({ num, user_id, fresh, next, loaded }, seq) => {
      const [now, was] = [standingCode(next.standing), standingCode(loaded.standing)];
      if (fresh) insert.run(num, user_id, next.fingerprint, now, seq, loaded.fingerprint, was);
      else update.run(next.fingerprint, now, seq, loaded.fingerprint, was, num);
    },
  };
}

/** Matches ids with rows that are expected in this order; `find` is asked for those who are elsewhere. */
function walk(ids: readonly string[], window: readonly UserRow[], find: (id: string) => UserRow | undefined) {
  let at = 0;
  let places: Map<string, number> | null = null;
  const rows = ids.map((id) => {
    if (window[at]?.[1] !== id) {
      places ??= new Map(window.map((row, place) => [row[1], place]));
      const place = places.get(id);
      if (place === undefined) return find(id);
      at = place;
    }
    at += 1;
    return window[at - 1];
  });
  return { rows, last: window[at - 1]?.[0] ?? null };
}

/**
 * `applied` tells the seq of the last batch that the warehouse has: versions of later ones are pending. `isSealed` tells
 * whether a batch of theirs is sealed.
 */
export function makeUsers(
  db: BetterSqlite3.Database,
  applied: () => number,
  isSealed: (seq: number) => boolean,
): Users {
  const store = statements(db);
  let next = Number(db.prepare('select coalesce(max(num), 0) + 1 from users').pluck().get());
  let expected = 1;
  let indexed = hasIndex(db);
  // Only a ledger without users can do without the index: whom it meets, it meets in this process.
  const filter: IdFilter | null = !indexed && next === 1 ? idFilter() : null;

  const known = (row: UserRow): Known => {
    const [num, user_id, fingerprint, standing, seq, was_fingerprint, was_standing] = row;
    const version: Version = { fingerprint, standing: standingOf(standing) };
    const pending = seq > applied();
    // A row whose newest content was refused still has the content before it.
    const older = pending || version.standing === 'stale';
    const loaded = older ? { fingerprint: was_fingerprint, standing: standingOf(was_standing) } : version;
    return { num, user_id, ...version, loaded, waits: pending ? (isSealed(seq) ? 'sealed' : 'open') : null };
  };
  const orNull = (row: UserRow | undefined): Known | null => (row === undefined ? null : known(row));
  const index = async (): Promise<void> => {
    if (indexed) return;
    await buildIndex(db);
    indexed = true;
  };
  const search = (user_id: string): UserRow | undefined =>
    !indexed && filter !== null && !filter.mayHave(user_id) ? undefined : store.one(user_id);

  return {
    meet: async (ids) => {
      if (!indexed && (filter === null || ids.some((id) => filter.mayHave(id)))) await index();
      const window = indexed ? store.range(expected, ids.length + WINDOW_SLACK) : [];
      const { rows, last } = walk(ids, window, search);
      if (last !== null) expected = last + 1;
      return rows.map(orNull);
    },
    expect: () => expected,
    setExpect: (num) => {
      expected = num;
    },
    number: () => next++,
    write: (moves, seq) => {
      for (const move of moves) {
        store.write(move, seq);
        if (move.fresh) filter?.add(move.user_id);
      }
    },
    find: (user_id) => orNull(search(user_id)),
    get: (num) => orNull(store.range(num, 1).find((row) => row[0] === num)),
    end: () => next,
    index,
  };
}
