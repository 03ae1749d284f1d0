import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { loadConfig } from '../config/loader.ts';
import { type Service, startRedis } from '../test/support/services.ts';
import { COST_FILE, type Cost } from './probe.ts';
import { type Serving, serve } from './serving.ts';
import { floorOf } from './worker-floor.ts';
import { type Lateness, latenessOf, lineOf, type Round, reportOf } from './worker-report.ts';

const ROLLCALL = fileURLToPath(new URL('../bin/rollcall.js', import.meta.url));
const PROBE = new URL('./probe.ts', import.meta.url).href;
const USERS = 20;

/** Many connections of few users in one folder, due at one moment. */
interface Scene {
  readonly folder: string;
  readonly api: Serving;
  readonly connections: number;
  readonly queue: string;
}

/** Workers are given so long to start before their connections are due, in ms, and some more for each of them to be set. */
const HEAD_START_MS = 15_000;
const EACH_MS = 15;

/** The first whole second that leaves room for the start. */
function nextMoment(connections: number): Date {
  return new Date(Math.ceil((Date.now() + HEAD_START_MS + connections * EACH_MS) / 1000) * 1000);
}

function prepare({ folder, api, connections, queue }: Scene, due: Date): void {
  mkdirSync(folder, { recursive: true });
  const schedule = `"${due.getUTCSeconds()} ${due.getUTCMinutes()} ${due.getUTCHours()} * * *"`;
  const one = `source: pylon, token: "\${BENCH_TOKEN}", base_url: "${api.url}", schedule: ${schedule}, limits: { list: 0, get: 0, search: 0 }`;
  const lines = [
    'warehouse: { type: duckdb, path: ./warehouse.duckdb }',
    'state: { dir: ./state }',
    `queue: { url: "${queue}" }`,
    'worker: { spread: 0, http: { port: 0 } }',
    'connections:',
    ...Array.from({ length: connections }, (_, i) => `  c${i}: { ${one} }`),
  ];
  writeFileSync(join(folder, 'rollcall.yaml'), `${lines.join('\n')}\n`);
  writeFileSync(join(folder, '.env'), `BENCH_TOKEN=${api.token}\n`, { mode: 0o600 });
}

/** A worker under way, its log read as it comes. */
interface Working {
  readonly child: ChildProcess;
  readonly cost: string;
  /** Address of its HTTP side. */
  readonly ready: Promise<string>;
  /** Rejects when it ends although nobody told it to. */
  readonly died: Promise<never>;
}

/** The longest that the worker's loop was held since it was asked last, in ms. */
async function heldMs(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(text)?.[1]) * 1000;
}

function startOne({ folder }: Scene, number: number, ran: () => void): Working {
  const cost = join(folder, `cost-${number}.json`);
  const child = spawn(process.execPath, ['--import', PROBE, ROLLCALL, 'worker'], {
    cwd: folder,
    env: { ...process.env, [COST_FILE]: cost },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ready = Promise.withResolvers<string>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.includes('"msg":"worker ready"')) ready.resolve(/"http":"([^"]+)"/.exec(line)?.[1] ?? '');
    else if (line.includes('"msg":"run ended"')) ran();
    else if (!line.includes('"level":"info"') && line.trim() !== '') console.error(line);
  });
  const died = Promise.withResolvers<never>();
  // Whoever waits for something else finds out by what does not come.
  died.promise.catch(() => undefined);
  child.once('exit', (code, signal) => {
    const error = new Error(`worker ${number} ended with ${code ?? signal} in mid-round`);
    ready.reject(error);
    died.reject(error);
  });
  return { child, cost, ready: ready.promise, died: died.promise };
}

/** Most processor time of the main thread in one turn of its loop between two times, in ms. */
const longestTurn = ({ turns }: Cost, from: number, to: number): number =>
  Math.max(0, ...turns.filter(({ at }) => at > from && at <= to).map(({ cpu_ms }) => cpu_ms));

async function stopOne({ child, cost }: Working): Promise<Cost> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  await ended;
  // Written by the probe when the process ended.
  return JSON.parse(readFileSync(cost, 'utf8')) as Cost;
}

async function lateness(folder: string, due: Date): Promise<Lateness> {
  const instance = await DuckDBInstance.create(join(folder, 'warehouse.duckdb'), { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const sql = `select epoch_ms(started_at) - ${due.getTime()} from sync_runs where scheduled_at = to_timestamp(${due.getTime() / 1000}) and outcome = 'ok'`;
    const rows = (await connection.runAndReadAll(sql)).getRows();
    return latenessOf(rows.map(([late]) => Number(late)));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Starts workers, lets the moment come, waits for every run and stops them. */
async function round(name: string, scene: Scene, workers: number): Promise<Round> {
  const due = nextMoment(scene.connections);
  prepare(scene, due);
  const all = Promise.withResolvers<void>();
  let ran = 0;
  const started = Array.from({ length: workers }, (_, i) =>
    startOne(scene, i, () => {
      ran += 1;
      if (ran === scene.connections) all.resolve();
    }),
  );
  try {
    const urls = await Promise.all(started.map(({ ready }) => ready));
    // What starting held up is over; from here on it counts.
    await Promise.all(urls.map(heldMs));
    const ready = Date.now();
    if (Date.now() >= due.getTime()) throw new Error(`${name}: it took the workers too long to start, nothing was due`);
    console.error(`${name}: ${workers} ready, due at ${due.toISOString()}`);
    await Promise.race([all.promise, ...started.map(({ died }) => died)]);
    const held = await Promise.all(urls.map(heldMs));
    const over = Date.now();
    const costs = await Promise.all(started.map(stopOne));
    const late = await lateness(scene.folder, due);
    if (late.runs !== scene.connections) throw new Error(`${late.runs} of ${scene.connections} runs were ok`);
    const done: Round = {
      ...late,
      name,
      workers,
      peak_mb: Math.max(...costs.map(({ peak_mb }) => peak_mb)),
      cpu_s: costs.reduce((sum, { cpu_s }) => sum + cpu_s, 0),
      block_max_ms: Math.max(...held),
      turn_max_ms: Math.max(...costs.map((cost) => longestTurn(cost, ready, over))),
    };
    // All of them are printed at the end; if a later round fails, this one was not for nothing.
    console.error(lineOf(done));
    return done;
  } finally {
    for (const { child } of started) child.kill('SIGKILL');
  }
}

/** The same connections due twice: all users new, then none. */
async function rounds(name: string, scene: Scene, workers: number): Promise<Round[]> {
  const of = `${workers} worker${workers === 1 ? '' : 's'}, ${name}`;
  return [await round(`${of}, first load`, scene, workers), await round(`${of}, unchanged`, scene, workers)];
}

async function floor(scene: Scene): Promise<Lateness> {
  prepare({ ...scene, connections: 1 }, nextMoment(1));
  return floorOf(
    await loadConfig({ file: join(scene.folder, 'rollcall.yaml'), cwd: scene.folder, env: {} }),
    scene.connections,
  );
}

async function main(): Promise<void> {
  const connections = Number(process.argv[2] ?? 1000);
  const top = mkdtempSync(join(tmpdir(), 'rollcall-bench-worker-'));
  const api = await serve(USERS);
  const services: Service[] = [];
  const scene = (name: string, queue: string): Scene => ({ folder: join(top, name), api, connections, queue });
  try {
    const redis = async (): Promise<string> => {
      // As in production: what a second holds may be lost with the machine.
      const service = await startRedis(['--appendfsync', 'everysec']);
      services.push(service);
      return service.url;
    };
    const floors = [
      { name: 'embedded', floor: await floor(scene('floor-embedded', 'embedded')) },
      { name: 'Redis', floor: await floor(scene('floor-redis', await redis())) },
    ];
    const found = [
      ...(await rounds('embedded', scene('embedded', 'embedded'), 1)),
      ...(await rounds('Redis', scene('redis-1', await redis()), 1)),
      ...(await rounds('Redis', scene('redis-4', await redis()), 4)),
    ];
    console.log(`${connections} connections of ${USERS} users, due in the same second:\n\n${reportOf(found, floors)}`);
  } finally {
    await api.stop();
    await Promise.all(services.map((service) => service.remove()));
    rmSync(top, { recursive: true, force: true });
  }
}

await main();
