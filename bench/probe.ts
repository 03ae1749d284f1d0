import { readFileSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** Loaded before the measured program by `node --import`: writes what the process cost when it ends. */

/** What one process cost. */
export interface Cost {
  /** Peak of its resident memory, in MB. */
  readonly peak_mb: number;
  /** Time on all its processors, user and system. */
  readonly cpu_s: number;
  /** Longest time between two turns of the event loop, in ms. A loop that is free shows `RESOLUTION_MS`. */
  readonly block_max_ms: number;
  readonly block_p99_ms: number;
  /** Long turns of the event loop. */
  readonly turns: readonly Turn[];
}

/** What the main thread computed between two looks at it, as far as it was long. */
export interface Turn {
  /** When it was over, in ms since 1970. */
  readonly at: number;
  /** Processor time of the main thread alone: without what it waited for a processor. */
  readonly cpu_ms: number;
}

/** The environment variable that names the file to write. */
export const COST_FILE = 'ROLLCALL_BENCH_COST';

const RESOLUTION_MS = 10;

/** Turns that took longer are long. */
const LONG_MS = 20;

/** Notes long turns from here on. */
function watchTurns(): readonly Turn[] {
  const turns: Turn[] = [];
  let before = process.threadCpuUsage();
  setInterval(() => {
    const { user, system } = process.threadCpuUsage(before);
    before = process.threadCpuUsage();
    const cpu_ms = (user + system) / 1000;
    if (cpu_ms > LONG_MS) turns.push({ at: Date.now(), cpu_ms });
  }, RESOLUTION_MS).unref();
  return turns;
}

/** Peak memory since exec. `maxRSS` alone begins with that of the process that started this one, on Linux. */
function peakKb(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

const file = process.env[COST_FILE];
// Threads load it, too; theirs is not the loop that is measured.
if (file !== undefined && isMainThread) {
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  loop.enable();
  const turns = watchTurns();
  process.once('exit', () => {
    loop.disable();
    const { userCPUTime, systemCPUTime } = process.resourceUsage();
    const cost: Cost = {
      peak_mb: peakKb() / 1024,
      cpu_s: (userCPUTime + systemCPUTime) / 1e6,
      block_max_ms: loop.max / 1e6,
      block_p99_ms: loop.percentile(99) / 1e6,
      turns,
    };
    writeFileSync(file, JSON.stringify(cost));
  });
}
