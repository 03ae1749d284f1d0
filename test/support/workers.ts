import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import type { PylonApi } from '../../src/demo/pylon/server.ts';
import {
  expectTable,
  type Home,
  isPage,
  json,
  makeHome,
  type Row,
  type Running,
  type StartOptions,
  smallPages,
} from './cli.ts';

// Workers start as processes, and locks of the dead run out by the clock: these tests are slow where a machine is.
vi.setConfig({ testTimeout: 150_000, hookTimeout: 60_000 });

/** A line of a worker's log. */
export interface LogLine extends Row {
  readonly msg: string;
  readonly connection?: string;
}

/** A worker process that said that it is ready. */
export interface WorkerProcess extends Running {
  /** Address of its HTTP side; false where that is off. */
  readonly http: string | false;
  log(msg?: string): LogLine[];
}

/** What a worker's home may have beside its connection. */
export interface WorkerHomeOptions {
  /** queue.url; the embedded one where none is given. */
  readonly queue?: string;
  /** Further lines of the connection. */
  readonly settings?: readonly string[];
  /** Further sections. */
  readonly general?: readonly string[];
}

const MAKE_TEMPLATE = `
  const { openBackend } = await import(process.argv[1]);
  const config = { queue: { url: 'embedded', prefix: 'rollcall' }, state: { dir: process.argv[2] } };
  const stop = (error) => { throw error; };
  const backend = await openBackend(config, { ms: 0, warn: stop, fatal: stop });
  await backend.store.close();
  await backend.close();
`;

let template: string | null = null;

/** Files of an embedded queue that was opened once: making them takes seconds, copying them does not. */
function queueFiles(): string {
  if (template !== null) return template;
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-queue-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const opener = new URL('../../jobs/queue/open-backend.ts', import.meta.url).href;
  execFileSync(process.execPath, ['--input-type=module', '-e', MAKE_TEMPLATE, opener, folder]);
  template = join(folder, 'queue', 'pglite');
  return template;
}

/** A home whose workers listen on free ports; its embedded queue is there, and empty. */
export function workerHome(api: PylonApi, { queue, settings = [], general = [] }: WorkerHomeOptions = {}): Home {
  const url = queue === undefined ? [] : [`queue: { url: "${queue}" }`];
  const http = general.some((line) => line.startsWith('worker:')) ? [] : ['worker: { spread: 0, http: { port: 0 } }'];
  const home = makeHome(api, settings, [...url, ...http, ...general]);
  if (queue === undefined && !general.some((line) => line.includes('url:')))
    cpSync(queueFiles(), join(home.state, 'queue', 'pglite'), { recursive: true });
  return home;
}

/** Twelve pages of a hundred users, each so many ms late. */
export function slowPages(api: PylonApi, ms: number): void {
  smallPages(api);
  api.faults.add({ when: isPage, answer: { kind: 'slow', ms }, times: Number.POSITIVE_INFINITY });
}

/** The same configuration on another host: a state folder of its own. */
export function anotherHost(home: Home, name: string): string {
  const file = join(home.folder, `${name}.yaml`);
  writeFileSync(file, readFileSync(home.config, 'utf8').replace('./data/state', `./data/${name}`));
  return file;
}

function linesOf(stderr: string): LogLine[] {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => json<LogLine>(line));
}

/** Waits for what a test expects of processes; the error is what did not hold at the end. */
export async function eventually<T>(look: () => T | Promise<T>, what: string, ms = 60_000): Promise<T> {
  return expect.poll(look, { timeout: ms, interval: 50, message: what }).toBeTruthy().then(look);
}

/** Starts a worker and waits until it is ready. */
export async function startWorkerIn(
  home: Home,
  args: readonly string[] = [],
  options?: StartOptions,
): Promise<WorkerProcess> {
  const running = home.start(['worker', ...args], options);
  const log = (msg?: string): LogLine[] => {
    const lines = linesOf(running.stderr());
    return msg === undefined ? lines : lines.filter((line) => line.msg === msg);
  };
  let over = false;
  void running.ended.then(() => {
    over = true;
  });
  await eventually(() => over || log('worker ready').length > 0, 'the worker is ready');
  const [ready] = log('worker ready');
  if (ready === undefined) throw new Error(`the worker ended at its start: ${running.stderr()}`);
  return { ...running, http: typeof ready.http === 'string' ? ready.http : false, log };
}

/** Ends a worker and waits for its end. */
export async function stopWorker(worker: WorkerProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  worker.child.kill(signal);
  return (await worker.ended).code;
}

/** The worker ended a run well. */
export const endedOk = (worker: WorkerProcess): boolean =>
  worker.log('run ended').some(({ outcome }) => outcome === 'ok');

/** No user loaded twice, none lost: one insert each, and the table as the source has it. */
export async function expectExact(home: Home): Promise<void> {
  await expectTable(home);
  const [log] = await home.rows(
    "select count(*) as n, count(distinct user_id) as users from user_changes where op = 'insert'",
  );
  expect(log?.n).toBe(log?.users);
  expect(log?.n).toBe(home.api.world.users().length);
}
