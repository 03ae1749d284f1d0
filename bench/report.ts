import type { Measured } from './measure.ts';
import { STEPS, type Step } from './syncing.ts';

/** One step measured beside its floor. */
export interface Pair {
  readonly floor: Measured;
  readonly sync: Measured;
}

/** What each step should cost at most. */
const TARGETS: Readonly<Record<Step, { readonly ratio: number; readonly peak_mb: number | null }>> = {
  first: { ratio: 6, peak_mb: 400 },
  unchanged: { ratio: 2.5, peak_mb: 180 },
  changed: { ratio: 4, peak_mb: null },
};

/** Longest time that Rollcall may hold the event loop, in ms. */
const BLOCK_MS = 100;

/** Longest time that a sync of 500 unchanged users may take, in seconds. */
const SMALL_S = 0.6;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return sorted.length % 2 === 1 ? at(Math.floor(middle)) : (at(middle - 1) + at(middle)) / 2;
}

const beside = (value: string, limit: number | null, unit: string): string =>
  limit === null ? value : `${value} (≤ ${limit}${unit})`;

function line(step: Step, users: number, pairs: readonly Pair[]): string[] {
  const of = (pick: (pair: Pair) => number): number => median(pairs.map(pick));
  const worst = Math.max(...pairs.map(({ sync }) => sync.block_max_ms));
  const seconds = of(({ sync }) => sync.seconds);
  return [
    step,
    of(({ floor }) => floor.seconds).toFixed(2),
    of(({ floor }) => floor.peak_mb).toFixed(0),
    seconds.toFixed(2),
    beside(of(({ floor, sync }) => sync.seconds / floor.seconds).toFixed(2), TARGETS[step].ratio, '×'),
    beside(of(({ sync }) => sync.peak_mb).toFixed(0), TARGETS[step].peak_mb, ''),
    of(({ sync }) => sync.cpu_s).toFixed(2),
    Math.round(users / seconds).toLocaleString('en-US'),
    beside(worst.toFixed(0), BLOCK_MS, ''),
    of(({ sync }) => sync.block_p99_ms).toFixed(0),
  ];
}

const HEAD = ['', 'floor s', 'floor MB', 'sync s', '× floor', 'peak MB', 'CPU s', 'users/s', 'block ms', 'p99 ms'];

/** Cells as an aligned text, all but the first column to the right. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** The figures of all runs: medians, but the longest block, which is the longest of all. Limits in brackets. */
export function report(users: number, pairs: Readonly<Record<Step, readonly Pair[]>>): string {
  return aligned([HEAD, ...STEPS.map((step) => line(step, users, pairs[step]))]);
}

/** The figures of the small sync. */
export function reportSmall(users: number, syncs: readonly Measured[]): string {
  const seconds = median(syncs.map((sync) => sync.seconds)).toFixed(2);
  const peak = median(syncs.map((sync) => sync.peak_mb)).toFixed(0);
  const block = Math.max(...syncs.map((sync) => sync.block_max_ms)).toFixed(0);
  return `${users} unchanged users, as a whole process: ${beside(`${seconds} s`, SMALL_S, ' s')}, ${peak} MB, longest block ${block} ms`;
}
