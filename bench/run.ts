import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Measured, measure } from './measure.ts';
import { type CpuProfile, topFunctions } from './profile.ts';
import { type Pair, report, reportSmall } from './report.ts';
import { type Serving, serve } from './serving.ts';
import { prepare, STEPS, type Step, sync, versionOf, type Workplace } from './syncing.ts';

const SMALL = 500;
const TOP = 25;
const FLOOR = fileURLToPath(new URL('./floor.ts', import.meta.url));

const say = (line: string): void => console.error(line);

async function floor({ folder, api, signal }: Workplace, step: Step): Promise<Measured> {
  const measured = await measure({ folder, signal, args: [FLOOR, api.url, api.token] });
  // Printed by floor.ts.
  const { users: met } = JSON.parse(measured.stdout) as { users: number };
  const { count } = api.truths[versionOf(step)];
  if (met !== count) throw new Error(`the floor met ${met} of ${count} users`);
  return measured;
}

/** Where a bench works, and what ends it early. */
type Site = Pick<Workplace, 'folder' | 'signal'>;

async function withServer<T>(users: number, site: Site, work: (place: Workplace) => Promise<T>): Promise<T> {
  const api: Serving = await serve(users);
  try {
    return await work({ ...site, api, users });
  } finally {
    await api.stop();
  }
}

async function small(place: Workplace, runs: number): Promise<Measured[]> {
  prepare(place);
  await sync('first', place);
  const syncs: Measured[] = [];
  for (let run = 0; run < runs; run += 1) syncs.push(await sync('unchanged', place));
  return syncs;
}

async function pair(step: Step, place: Workplace): Promise<Pair> {
  await place.api.show(versionOf(step));
  return { floor: await floor(place, step), sync: await sync(step, place) };
}

async function compare(place: Workplace, runs: number): Promise<Record<Step, Pair[]>> {
  const pairs: Record<Step, Pair[]> = { first: [], unchanged: [], changed: [] };
  for (let run = 1; run <= runs; run += 1) {
    prepare(place);
    for (const step of STEPS) {
      const one = await pair(step, place);
      pairs[step].push(one);
      say(`run ${run} of ${runs}, ${step}: ${one.sync.seconds.toFixed(2)} s, floor ${one.floor.seconds.toFixed(2)} s`);
    }
  }
  return pairs;
}

async function profiles(place: Workplace): Promise<void> {
  prepare(place);
  for (const step of ['first', 'unchanged'] as const) {
    const folder = join(place.folder, `${step}-profiles`);
    await sync(step, place, ['--cpu-prof', '--cpu-prof-dir', folder]);
    // Named after time, process and thread; the main thread is number 0.
    const name = readdirSync(folder).find((file) => /\.0\.\d+\.cpuprofile$/.test(file)) ?? '';
    // Written by Node.
    const profile = JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile;
    console.log(`\n${step} sync of ${place.users} users, self time on the main thread:\n`);
    console.log(topFunctions(profile, TOP));
  }
}

function options(): { users: number; runs: number; profile: boolean } {
  const { values } = parseArgs({
    options: {
      users: { type: 'string', default: '100000' },
      runs: { type: 'string', default: '3' },
      profile: { type: 'boolean', default: false },
    },
  });
  const whole = (name: string, text: string): number => {
    if (/^[1-9]\d*$/.test(text)) return Number(text);
    throw new Error(`--${name} must be a whole number above 0, not "${text}"`);
  };
  return { users: whole('users', values.users), runs: whole('runs', values.runs), profile: values.profile };
}

async function bench(site: Site): Promise<void> {
  const { users, runs, profile } = options();
  if (profile) {
    await withServer(users, site, profiles);
    return;
  }
  const smallSyncs = await withServer(SMALL, site, (place) => small(place, runs));
  const pairs = await withServer(users, site, (place) => compare(place, runs));
  const size = users.toLocaleString('en-US');
  console.log(`\n${size} users, medians of ${runs}, targets in brackets; every table was checked\n`);
  console.log(report(users, pairs));
  console.log(`\n${reportSmall(SMALL, smallSyncs)}`);
}

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
const temporary = mkdtempSync(join(tmpdir(), 'rollcall-bench-'));
try {
  // A folder of its own below: each preparation removes it.
  await bench({ folder: join(temporary, 'work'), signal: stop.signal });
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = stop.signal.aborted ? 130 : 1;
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
