import { expect } from 'vitest';
import type { Logged } from './model.ts';
import type { History } from './turns.ts';
import { canonical } from './versions.ts';

type Row = Readonly<Record<string, unknown>>;

const CONTENT = 'name, email, roles, active, created_at, raw';

function content(row: Row): Row {
  const { name, email, roles, active, created_at, raw } = row;
  return { name, email, roles, active, created_at, raw };
}

const byKey = <T>(rows: readonly T[], key: (row: T) => string): Map<string, T[]> => Map.groupBy(rows, key);

/** Pairs what is logged with what should be; rows that may be missing are left out where they are. */
function expectLog(id: string, found: readonly Row[], expected: readonly Logged[]): void {
  const seqs = new Set(found.map((row) => row.seq));
  const due = expected.filter(({ maybe, seq }) => !maybe || seqs.has(seq));
  const told = found.map(({ op, seq, recorded_at }) => ({ op, seq, recorded_at }));
  expect(told, `log of ${id}`).toEqual(due.map(({ op, seq, recorded_at }) => ({ op, seq, recorded_at })));
  for (const [i, row] of found.entries()) {
    const { version = null, fields = [], maybe = false } = due[i] ?? {};
    if (!maybe) expect(row.changed_fields, `changed fields of ${id}`).toEqual(fields);
    if (version === null)
      expect({ name: row.name, raw: row.raw, email: row.email }).toEqual({ name: null, raw: null, email: null });
    else expect(content(row), `logged version of ${id}`).toEqual(version.content);
  }
}

/** Times and numbers of one user's log only ever grow. */
function expectOrder(found: readonly Row[]): void {
  for (const [i, row] of found.entries()) {
    const before = found[i - 1];
    if (before === undefined) continue;
    expect(Number(row.seq)).toBeGreaterThan(Number(before.seq));
    expect(String(row.recorded_at) > String(before.recorded_at), `${row.recorded_at} after ${before.recorded_at}`).toBe(
      true,
    );
  }
}

/** Versions follow each other without overlap; only a deletion leaves a gap. */
function expectIntervals(log: readonly Row[], intervals: readonly Row[]): void {
  const expected = log.flatMap((row, i) =>
    row.op === 'delete'
      ? []
      : [{ valid_from: row.recorded_at, valid_to: log[i + 1]?.recorded_at ?? null, seq: row.seq }],
  );
  expect(intervals.map(({ valid_from, valid_to, seq }) => ({ valid_from, valid_to, seq }))).toEqual(expected);
}

function expectUsers({ model }: History, rows: readonly Row[], log: ReadonlyMap<string, readonly Row[]>): void {
  const found = Object.fromEntries(
    rows.map((row) => [
      row.user_id,
      {
        ...content(row),
        first_seen_at: row.first_seen_at,
        changed_at: row.changed_at,
        deleted: row.deleted_at !== null,
      },
    ]),
  );
  const expected = Object.fromEntries(
    [...model.rows].map(([id, held]) => [
      id,
      {
        ...held.version.content,
        first_seen_at: held.first_seen_at,
        changed_at: log.get(id)?.at(-1)?.recorded_at,
        deleted: held.deleted,
      },
    ]),
  );
  expect(found).toEqual(expected);
  expect(rows).toHaveLength(model.rows.size);
  for (const { deleted_at, changed_at } of rows) if (deleted_at !== null) expect(deleted_at).toBe(changed_at);
}

/** Live rows are the listed users whose records are sound, those kept on purpose, and nobody else. */
function expectWorld({ world, model, mode }: History): void {
  if (mode === 'ignore' || model.seen.size === 0) return;
  const live = [...model.rows].filter(([, { deleted }]) => !deleted).map(([id]) => id);
  const gone = live.filter((id) => world.people.get(id)?.account === 'gone');
  expect(gone, 'users who are gone and still live').toEqual([]);
  const listed = world
    .listing()
    .filter(({ name, created_at }) => !Array.isArray(name) && !String(created_at).startsWith('n'));
  expect(
    listed.map(({ id }) => String(id)).filter((id) => !live.includes(id)),
    'listed users without a live row',
  ).toEqual([]);
}

/** What all runs counted is what the log holds, where no ledger took its runs along. */
function expectSums({ saved, model, lost }: History, rows: readonly Row[]): void {
  const log = [...model.log.values()].flat();
  if (lost || log.some(({ maybe }) => maybe)) return;
  const counted = (op: string): number => log.filter((row) => row.op === op).length;
  const sum = (name: string): number => rows.reduce((all, row) => all + Number(row[name]), 0);
  expect(
    { inserted: sum('inserted'), updated: sum('updated'), deleted: sum('deleted'), restored: sum('restored') },
    `counts of all ${saved.size} runs`,
  ).toEqual({
    inserted: counted('insert'),
    updated: counted('update'),
    deleted: counted('delete'),
    restored: counted('restore'),
  });
}

function expectRuns(h: History, rows: readonly Row[], freeWrites: boolean): void {
  const { saved } = h;
  const sent = new Set(rows.map(({ run_id }) => run_id));
  const expected = [...saved.values()].map(({ run_id, outcome, counts }) => {
    const { inserted, updated, deleted, restored, seen } = counts;
    return { run_id, outcome: outcome ?? 'interrupted', inserted, updated, deleted, restored, seen };
  });
  const sorted = <T extends Row>(runs: readonly T[]) =>
    runs.toSorted((a, b) => (String(a.run_id) < String(b.run_id) ? -1 : 1));
  // Where writing is not free, the rows of runs after the last batch wait for the next one.
  const due = expected.filter(({ run_id }) => freeWrites || sent.has(run_id));
  expect(sorted(rows)).toEqual(sorted(due));
  expectSums(h, freeWrites ? rows : expected);
}

const QUERIES = [
  `select user_id, op, seq, recorded_at, changed_fields, ${CONTENT} from user_changes order by user_id, seq`,
  'select user_id, valid_from, valid_to, seq from user_history order by user_id, seq',
  `select user_id, ${CONTENT}, first_seen_at, changed_at, deleted_at from users`,
  'select run_id, outcome, inserted, updated, deleted, restored, seen from sync_runs',
  'select payload from rejected_records',
];

/** Expects every table to be what the model says, after a history has come to rest. */
export async function expectTables(h: History): Promise<void> {
  const { engine, model } = h;
  const [changes = [], history = [], users = [], runs = [], rejected = []] = await engine.queries(...QUERIES);
  const log = byKey(changes, (row) => String(row.user_id));
  const intervals = byKey(history, (row) => String(row.user_id));
  expect([...log.keys()].toSorted()).toEqual([...model.log.keys()].toSorted());
  for (const [id, found] of log) {
    expectLog(id, found, model.log.get(id) ?? []);
    expectOrder(found);
    expectIntervals(found, intervals.get(id) ?? []);
  }
  expectUsers(h, users, log);
  expectWorld(h);
  expectRuns(h, runs, (await engine.warehouse).warehouse.freeWrites);
  const payloads = rejected.map(({ payload }) => canonical(JSON.parse(String(payload))));
  expect(new Set(payloads)).toEqual(model.rejected);
}
