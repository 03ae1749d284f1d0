import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { Counts } from '../src/contract/run.ts';
import { changesAmong, PAGE, type Version } from './listing.ts';
import { type Measured, measure } from './measure.ts';
import type { Serving } from './serving.ts';
import { readTables } from './tables.ts';

/** The three syncs that are measured, in the order in which one makes the next possible. */
export const STEPS = ['first', 'unchanged', 'changed'] as const;

/** One of them. */
export type Step = (typeof STEPS)[number];

/** The version of the listing that a step reads. */
export const versionOf = (step: Step): Version => (step === 'changed' ? 'changed' : 'first');

/** A folder with a config, where Rollcall keeps one ledger and one warehouse of the bench's API. */
export interface Workplace {
  readonly folder: string;
  readonly api: Serving;
  /** Users of the first version. */
  readonly users: number;
  /** Ends what runs in it. */
  readonly signal: AbortSignal;
}

const ROLLCALL = fileURLToPath(new URL('../bin/rollcall.js', import.meta.url));

/** Empties the folder and writes the config: no request limits, everything else as it is by default. */
export function prepare({ folder, api }: Workplace): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const config = `warehouse: { type: duckdb, path: ./warehouse.duckdb }
state: { dir: ./state }
connections:
  bench:
    source: pylon
    token: \${BENCH_TOKEN}
    base_url: ${api.url}
    limits: { list: 0, get: 0, search: 0, write: 0 }
`;
  writeFileSync(join(folder, 'rollcall.yaml'), config);
  writeFileSync(join(folder, '.env'), `BENCH_TOKEN=${api.token}\n`, { mode: 0o600 });
}

interface Expected {
  readonly counts: Partial<Counts>;
  /** Rows of the change log after the step, when the steps before it have run. */
  readonly changes: number;
}

function expectedOf(step: Step, users: number): Expected {
  const { updated, inserted } = changesAmong(users);
  const none = {
    inserted: 0,
    updated: 0,
    unchanged: 0,
    deleted: 0,
    restored: 0,
    rejected: 0,
    retries: 0,
    waited_ms: 0,
  };
  const seen = step === 'changed' ? users + inserted : users;
  const counts = { ...none, seen, pages: Math.ceil(seen / PAGE) };
  switch (step) {
    case 'first':
      return { counts: { ...counts, inserted: users }, changes: users };
    case 'unchanged':
      return { counts: { ...counts, unchanged: users, batches: 0, statements: 0 }, changes: users };
    case 'changed':
      return {
        counts: { ...counts, inserted, updated, unchanged: users - updated },
        changes: users + inserted + updated,
      };
  }
}

function mismatch(what: string, found: unknown, expected: unknown): string[] {
  if (isDeepStrictEqual(found, expected)) return [];
  return [`${what} is ${JSON.stringify(found)} and should be ${JSON.stringify(expected)}`];
}

/** What is wrong after a step: with the counts that the run printed, or with the tables. */
async function problems(step: Step, place: Workplace, stdout: string): Promise<string[]> {
  const { counts, changes } = expectedOf(step, place.users);
  // One object: the workplace has one connection.
  const run = JSON.parse(stdout) as Record<string, unknown>;
  const loaded = await readTables(join(place.folder, 'warehouse.duckdb'));
  return [
    ...mismatch('outcome', run.outcome, 'ok'),
    ...Object.entries(counts).flatMap(([name, count]) => mismatch(name, run[name], count)),
    ...mismatch('users', loaded.users, place.api.truths[versionOf(step)]),
    ...mismatch('the number of rows in user_changes', loaded.changes, changes),
  ];
}

/** Runs `rollcall sync --json` as a whole process, checks what it did, and measures it. Throws when anything is wrong. */
export async function sync(step: Step, place: Workplace, nodeOptions: readonly string[] = []): Promise<Measured> {
  const { folder, signal } = place;
  const measured = await measure({ folder, signal, args: [...nodeOptions, ROLLCALL, 'sync', '--json'] });
  const found = await problems(step, place, measured.stdout);
  if (found.length === 0) return measured;
  throw new Error(`after the ${step} sync of ${place.users} users:\n  ${found.join('\n  ')}`);
}
