import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { RunError } from '../../src/contract/run.ts';
import type { FieldValue } from '../../src/contract/writes.ts';
import { startBluebricks } from '../../src/demo/bluebricks/server.ts';
import { startIdent } from '../../src/demo/ident/server.ts';
import { startJitsudo } from '../../src/demo/jitsudo/server.ts';
import type { AddedFault, Fault, WireFault } from '../../src/demo/local/faults.ts';
import { startPylon } from '../../src/demo/pylon/server.ts';
import { type Ended, emptyFolder, json, type Row, type Running, rowsOf, type StartOptions, startCli } from './cli.ts';

/** A user of a plan or an apply, as `--json` prints him. */
export interface UserLine {
  readonly connection: string;
  readonly user_id: string | null;
  readonly op: string;
  readonly changes: Readonly<Record<string, readonly [FieldValue, FieldValue]>>;
  readonly outcome: string;
  readonly error?: RunError;
}

/** How a command that writes ended. */
export interface Written extends Ended {
  readonly lines: readonly UserLine[];
}

/** A running local API, as far as writing to it needs it. */
interface Api {
  readonly url: string;
  readonly faults: { add(fault: Fault<WireFault>): AddedFault };
  readonly log: readonly { readonly method: string; readonly path: string; readonly status: number | null }[];
  close(): Promise<void>;
}

/** A folder with a configuration of one connection, `crew`, to a local API. */
export interface WritingHome<A extends Api> {
  readonly api: A;
  readonly folder: string;
  start(args: readonly string[], options?: StartOptions): Running;
  run(...args: readonly string[]): Promise<Ended>;
  /** Runs a command that writes, with --json. */
  write(...args: readonly string[]): Promise<Written>;
  sync(): Promise<Ended>;
  rows(sql: string): Promise<Row[]>;
  /** Writes a file into the folder; the result is its name. */
  file(name: string, text: string): string;
  read(name: string): string;
  /** Requests that write, as `METHOD path status`. */
  writes(): string[];
}

const closing: Api[] = [];

afterEach(async () => {
  for (const api of closing.splice(0)) await api.close();
});

const NO_LIMITS = 'limits: { list: 0, get: 0, search: 0, write: 0 }';

function linesOf(ended: Ended): Written {
  const lines = ended.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => json<UserLine>(line));
  return { ...ended, lines };
}

function homeOf<A extends Api>(api: A, settings: readonly string[], secret: string): WritingHome<A> {
  closing.push(api);
  const folder = emptyFolder();
  const lines = [
    'warehouse: { type: duckdb, path: ./data/warehouse.duckdb }',
    'state: { dir: ./data/state }',
    'connections:',
    '  crew:',
    `    base_url: ${api.url}`,
    ...[...(settings.some((line) => line.startsWith('limits')) ? [] : [NO_LIMITS]), ...settings].map(
      (line) => `    ${line}`,
    ),
    '',
  ];
  writeFileSync(join(folder, 'rollcall.yaml'), lines.join('\n'));
  writeFileSync(join(folder, '.env'), `SECRET=${secret}\nNEW_PASSWORD=${NEW_PASSWORD}\nHASH_KEY=pepper-and-salt\n`);
  const start = (args: readonly string[], options?: StartOptions): Running => startCli(folder, args, options);
  const run = (...args: readonly string[]): Promise<Ended> => start(args).ended;
  return {
    api,
    folder,
    start,
    run,
    write: async (...args) => linesOf(await run(...args, '--json')),
    sync: () => run('sync', '--quiet'),
    rows: (sql) => rowsOf(join(folder, 'data/warehouse.duckdb'), sql),
    file: (name, text) => {
      writeFileSync(join(folder, name), text);
      return name;
    },
    read: (name) => readFileSync(join(folder, name), 'utf8'),
    writes: () =>
      api.log
        .filter(({ method, path }) => method !== 'GET' && !path.includes('/search') && !path.includes('/tokens'))
        .map(({ method, path, status }) => `${method} ${path} ${status}`),
  };
}

/** What `${NEW_PASSWORD}` stands for in a home. */
export const NEW_PASSWORD = 'correct-horse-battery';

// biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the configuration
const SECRET = '"${SECRET}"';

/** A home with a local Pylon. */
export async function pylonHome(users = 20, settings: readonly string[] = [], seed = 1) {
  const api = await startPylon({ users, seed, limits: { list: 0, get: 0, search: 0, write: 0 } });
  return homeOf(api, ['source: pylon', `token: ${SECRET}`, ...settings], api.token);
}

/** A home with a local Ident. */
export async function identHome(users = 10, settings: readonly string[] = []) {
  const api = await startIdent({ users });
  return homeOf(api, ['source: ident', `token: ${SECRET}`, ...settings], api.token);
}

/** A home with a local Bluebricks. */
export async function bluebricksHome(users = 10, settings: readonly string[] = []) {
  const api = await startBluebricks({ users });
  return homeOf(api, ['source: bluebricks', `token: ${SECRET}`, ...settings], api.token);
}

/** A home with a local JITSudo. */
export async function jitsudoHome(users = 20, settings: readonly string[] = []) {
  const api = await startJitsudo({ users });
  const own = ['source: jitsudo', `api_key: ${SECRET}`, `tenant_id: ${api.world.tenantId}`];
  return homeOf(api, [...own, ...settings], api.apiKey);
}

/** The first of some things, which must be there. */
export function first<T>(things: readonly T[]): T {
  const [one] = things;
  if (one === undefined) throw new Error('there is none');
  return one;
}

/** A fault of every request that writes; reading goes on. */
export function onWrite(home: WritingHome<Api>, answer: WireFault, times = 1): AddedFault {
  return home.api.faults.add({
    when: ({ method, path }) => method !== 'GET' && !path.includes('/search'),
    answer,
    times,
  });
}
