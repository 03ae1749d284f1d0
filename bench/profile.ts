import { fileURLToPath } from 'node:url';
import { aligned } from './report.ts';

/** What `node --cpu-prof` writes, as far as it is read here. Times in µs. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));

type Frame = CpuProfile['nodes'][number]['callFrame'];

function nameOf({ functionName, url, lineNumber }: Frame): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const file = url.startsWith('file:') ? fileURLToPath(url).replace(ROOT, '') : url;
  return `${name}  ${file}:${lineNumber + 1}`;
}

function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): Map<string, number> {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  samples.forEach((id, index) => {
    const name = names.get(id) ?? '(unknown)';
    // A sample stands for the time until the next one.
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[index + 1] ?? 0));
  });
  return times;
}

/** The functions in which most time was spent, without what they called. `(idle)` is waiting, for DuckDB's threads too. */
export function topFunctions(profile: CpuProfile, count: number): string {
  const times = [...selfTimes(profile)].toSorted(([, a], [, b]) => b - a);
  const total = times.reduce((sum, [, time]) => sum + time, 0);
  const rows = times
    .slice(0, count)
    .map(([name, time]) => [
      `${(time / 1000).toFixed(0).padStart(7)} ms`,
      `${((time / total) * 100).toFixed(1)} %`,
      name,
    ]);
  const width = Math.max(...rows.map(([, , name = '']) => name.length));
  return aligned(rows.map(([time = '', share = '', name = '']) => [time, share, name.padEnd(width)]));
}
