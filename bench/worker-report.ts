/** How late runs began after they were due. */
export interface Lateness {
  readonly runs: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly runs_per_s: number;
}

/** What one round of workers did and cost. */
export interface Round extends Lateness {
  readonly name: string;
  readonly workers: number;
  /** Of the largest worker. */
  readonly peak_mb: number;
  readonly cpu_s: number;
  /** Longest time that a loop was held, in ms, also while its thread waited for a processor. */
  readonly block_max_ms: number;
  /** Most processor time that a main thread took in one turn of its loop, in ms. */
  readonly turn_max_ms: number;
}

/** Longest time that a worker's own code may hold its event loop, in ms. */
const BLOCK_MS = 100;

/** Sums up how late so many runs began, in ms each. */
export function latenessOf(late: readonly number[]): Lateness {
  const sorted = late.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  const last = sorted.at(-1) ?? Number.NaN;
  return { runs: late.length, p50_ms: at(0.5), p99_ms: at(0.99), runs_per_s: late.length / (last / 1000) };
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** One round as a line of the table. */
export const lineOf = (round: Round): string =>
  `| ${round.name} | ${round.runs} | ${seconds(round.p50_ms)} | ${seconds(round.p99_ms)} | ${round.runs_per_s.toFixed(1)} | ` +
  `${round.peak_mb.toFixed(0)} | ${round.cpu_s.toFixed(1)} | ${round.block_max_ms.toFixed(0)} ms | ` +
  `${round.turn_max_ms.toFixed(0)} ms${round.turn_max_ms > BLOCK_MS ? ` (over ${BLOCK_MS})` : ''} |`;

/** The figures as a table in Markdown. */
export function reportOf(rounds: readonly Round[], floors: readonly { name: string; floor: Lateness }[]): string {
  const lines = [
    '| | runs | late p50 | late p99 | runs/s | peak MB | CPU s | loop held at most | of its own CPU |',
    '|---|---|---|---|---|---|---|---|---|',
    ...floors.map(
      ({ name, floor }) =>
        `| floor: empty jobs, ${name} | ${floor.runs} | ${seconds(floor.p50_ms)} | ${seconds(floor.p99_ms)} | ${floor.runs_per_s.toFixed(0)} | | | | |`,
    ),
    ...rounds.map(lineOf),
  ];
  return lines.join('\n');
}
