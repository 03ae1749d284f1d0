import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, expect, vi } from 'vitest';
import type { Counts, Outcome, RunError } from '../../src/contract/run.ts';
import type { AddedFault, SeenRequest } from '../../src/demo/pylon/faults.ts';
import type { PylonApi } from '../../src/demo/pylon/server.ts';
import type { PylonUser } from '../../src/demo/pylon/user.ts';

/** The command line as users start it. */
export const ENTRY = fileURLToPath(new URL('../../bin/rollcall.js', import.meta.url));

/** How a process ended, and all that it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process under way. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it has written to stderr so far. */
  stderr(): string;
}

/** A run as `sync --json` prints it. */
export interface RunLine extends Counts {
  readonly connection: string;
  readonly run_id: string;
  readonly kind: string;
  readonly outcome: Outcome;
  readonly warnings?: readonly string[];
  readonly kept?: { readonly unproven: number; readonly inactive: number };
  readonly error?: RunError;
}

/** One sync of the home's connection: its exit code and what it printed. */
export interface Synced extends RunLine {
  readonly code: number | null;
  readonly stderr: string;
}

/** How a process is started: a program in front of the command line, variables beside the usual ones. */
export interface StartOptions {
  readonly before?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A folder with a configuration of one connection, `support`, to a demo API. */
export interface Home {
  readonly api: PylonApi;
  readonly folder: string;
  readonly config: string;
  readonly state: string;
  readonly warehouse: string;
  start(args: readonly string[], options?: StartOptions): Running;
  run(args: readonly string[], options?: StartOptions): Promise<Ended>;
  sync(...options: readonly string[]): Promise<Synced>;
  /** Reads the warehouse's file without the program under test; values are as DuckDB's JSON has them. */
  rows(sql: string): Promise<Row[]>;
}

/** A row of a result, by its columns. */
export type Row = Readonly<Record<string, unknown>>;

const folders: string[] = [];
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0))
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** An empty folder, removed after the test that asked for it. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-cli-'));
  folders.push(folder);
  return folder;
}

/** Run first in a process: what it draws by chance is nothing, so that its backoffs are over at once. */
export const WITHOUT_BACKOFF = 'data:text/javascript,Math.random=()=>0';

/** Run first in a process: its clock goes twenty times as fast, so that waiting for a minute takes three seconds. */
export const FAST_CLOCK = `data:text/javascript,${encodeURIComponent(
  'const now = Date.now, start = now(); Date.now = () => start + (now() - start) * 20;',
)}`;

/** Starts a program and gathers what it says; it is killed if it outlives its test. */
export function startProgram(command: readonly string[], cwd: string, env: Readonly<Record<string, string>>): Running {
  const [program = process.execPath, ...args] = command;
  const child = spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended, stderr: () => stderr };
}

/** Starts the command line in a folder. */
export function startCli(folder: string, args: readonly string[], options: StartOptions = {}): Running {
  const { PATH = '', TMPDIR = tmpdir() } = process.env;
  const { before = [], env = {} } = options;
  const variables = { PATH, TMPDIR, HOME: folder, NODE_OPTIONS: `--import=${WITHOUT_BACKOFF}`, ...env };
  return startProgram([...before, process.execPath, ENTRY, ...args], folder, variables);
}

/** One line of the output, which must be JSON. */
export function json<T>(text: string): T {
  // The caller names what the program promises to print here; its test fails where that is not so.
  return JSON.parse(text) as T;
}

async function rowsOf(file: string, sql: string): Promise<Row[]> {
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    // As one JSON text a row, what the driver makes of the types of values plays no part.
    const result = await connection.runAndReadAll(`select cast(to_json(t) as varchar) from (${sql}) t`);
    return result.getRows().map(([row]) => json<Row>(String(row)));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function configText(api: PylonApi, settings: readonly string[], general: readonly string[]): string {
  return [
    'warehouse: { type: duckdb, path: ./data/warehouse.duckdb }',
    'state: { dir: ./data/state }',
    ...general,
    'connections:',
    '  support:',
    '    source: pylon',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the configuration
    '    token: ${PYLON_TOKEN}',
    `    base_url: ${api.url}`,
    '    limits: { list: 0, get: 0, search: 0, write: 0 }',
    ...settings.map((line) => `    ${line}`),
    '',
  ].join('\n');
}

/** Makes a home; `settings` are further lines of its connection, `general` of all. It is removed after the test. */
export function makeHome(api: PylonApi, settings: readonly string[] = [], general: readonly string[] = []): Home {
  const folder = emptyFolder();
  const config = join(folder, 'rollcall.yaml');
  const warehouse = join(folder, 'data/warehouse.duckdb');
  writeFileSync(config, configText(api, settings, general));
  writeFileSync(join(folder, '.env'), `PYLON_TOKEN=${api.token}\n`);
  mkdirSync(join(folder, 'data'));
  const start = (args: readonly string[], options?: StartOptions): Running => startCli(folder, args, options);
  const run = (args: readonly string[], options?: StartOptions): Promise<Ended> => start(args, options).ended;
  return {
    api,
    folder,
    config,
    state: join(folder, 'data/state'),
    warehouse,
    start,
    run,
    sync: async (...options) => synced(await run(['sync', '--json', ...options])),
    rows: (sql) => rowsOf(warehouse, sql),
  };
}

/** The one run that a `sync --json` printed. */
export function synced({ code, stdout, stderr }: Ended): Synced {
  expect(stdout, stderr).toMatch(/^\{[^\n]+\}\n$/);
  return { ...json<RunLine>(stdout), code, stderr };
}

/** Waits until something holds of a process or server that goes on meanwhile. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  await vi.waitFor(() => expect(holds(), what).toBe(true), { timeout: 10_000, interval: 2 });
}

/** A listing request that the server really answers with a page of users. */
export const isPage = (request: Pick<SeenRequest, 'endpoint' | 'query'>): boolean =>
  request.endpoint === '/users' && !request.query.has('limit');

/** A page of users after the first. */
export const isLaterPage = (request: SeenRequest): boolean => isPage(request) && request.query.has('cursor');

/** The server refuses `limit`, as it may, so that its pages are small ones: a hundred users each. */
export function smallPages(api: PylonApi): AddedFault {
  return api.faults.add({
    when: ({ endpoint, query }) => endpoint === '/users' && query.has('limit'),
    answer: { kind: 'status', status: 400, message: 'unknown query parameter: limit' },
    times: Number.POSITIVE_INFINITY,
  });
}

/** Cursors of the pages that the server was asked for since an entry of its log; "" for a first page. */
export function pagesAsked({ log }: PylonApi, since = 0): string[] {
  return log.slice(since).flatMap(({ method, path }) => {
    const { pathname, searchParams } = new URL(path, 'http://pylon.test');
    if (method !== 'GET' || !isPage({ endpoint: pathname, query: searchParams })) return [];
    return [searchParams.get('cursor') ?? ''];
  });
}

/** A received record as it is compared: a lone half of a surrogate pair is no text, and signatures are of one answer only. */
function comparable(record: unknown): unknown {
  return JSON.parse(JSON.stringify(record), (key, value) => {
    if (typeof value !== 'string') return value;
    return (key === 'avatar_url' ? value.replace(/\?.*$/s, '') : value).toWellFormed();
  });
}

/** What the tables must hold of a user, from the API's side. */
function truth(user: PylonUser, active: boolean): Row {
  const email = user.email?.trim().toLowerCase() ?? '';
  return {
    user_id: user.id,
    name: user.name === undefined || user.name === '' ? null : (user.name?.toWellFormed() ?? null),
    email: email === '' ? null : email,
    availability: user.status ?? null,
    active,
    raw: comparable(user),
  };
}

const byId = (a: Row, b: Row): number => (String(a.user_id) < String(b.user_id) ? -1 : 1);

/** Expects the live rows to be these users of the API (those it lists), each once, in every field. */
export async function expectTable(home: Home, users = home.api.world.users()): Promise<void> {
  const off = home.api.world.deactivated();
  const rows = await home.rows(
    'select user_id, name, email, availability, active, raw from users where deleted_at is null',
  );
  const found = rows.map((row) => ({ ...row, raw: comparable(row.raw) }));
  expect(found.toSorted(byId)).toEqual(users.map((user) => truth(user, !off.has(user.id))).toSorted(byId));
}

/** Every file under a folder. */
export function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile());
}

/** Expects a secret in no file but the configuration's own, and in nothing that was said. */
export function expectNoSecret(home: Home, secret: string, said: readonly Pick<Ended, 'stdout' | 'stderr'>[]): void {
  const own = [home.config, join(home.folder, '.env')];
  const holding = filesOf(home.folder).filter((file) => !own.includes(file) && readFileSync(file).includes(secret));
  expect(holding).toEqual([]);
  for (const { stdout, stderr } of said) expect(stdout + stderr).not.toContain(secret);
}

/** Expects an error told in one line: no stack, no code of a runtime alone. */
export function expectOneLine(stderr: string): void {
  expect(stderr).toMatch(/^rollcall: [^\n]{20,}\n$/);
  expect(stderr).not.toMatch(/\bat .*\.(ts|js):\d+|unexpected error|this is a bug/);
}
