// Syncs a local demo API into a real BigQuery project and looks at what came of it: npm run smoke:bigquery
// It makes a dataset of its own and drops it again. docs/warehouses/bigquery.md says what it needs.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PylonApi, startPylon } from '../src/demo/pylon/server.ts';

const ENTRY = fileURLToPath(new URL('../bin/rollcall.js', import.meta.url));

/** Where to smoke: a project, and for a peer of the tests its address and token. */
interface Target {
  readonly project: string;
  readonly dataset: string;
  readonly location: string | undefined;
  readonly endpoint: string | undefined;
  readonly token: string | undefined;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function targetOf(env: NodeJS.ProcessEnv): Target | null {
  const project = env.ROLLCALL_SMOKE_PROJECT;
  if (project === undefined || project === '') return null;
  return {
    project,
    dataset: `rollcall_smoke_${Date.now()}`,
    location: env.ROLLCALL_SMOKE_LOCATION,
    endpoint: env.ROLLCALL_SMOKE_ENDPOINT,
    token: env.ROLLCALL_SMOKE_TOKEN,
  };
}

/** A variable as the configuration refers to it. */
const reference = (name: string): string => `\${${name}}`;

function configOf(target: Target, api: PylonApi): string {
  const { project, dataset, location, endpoint } = target;
  const options = {
    type: 'bigquery',
    project,
    dataset,
    labels: { purpose: 'smoke' },
    ...(location === undefined ? {} : { location }),
    ...(endpoint === undefined ? {} : { api_endpoint: endpoint, token: reference('BQ_TOKEN') }),
  };
  const support = { source: 'pylon', base_url: api.url, token: reference('PYLON_TOKEN'), limits: { list: 0, get: 0 } };
  // JSON is YAML.
  return JSON.stringify({ warehouse: options, state: { dir: './state' }, connections: { support } }, null, 2);
}

/** Runs the command line and returns what it printed; throws what it said where it failed. */
function rollcall(folder: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [ENTRY, ...args, '--quiet'],
      { cwd: folder, maxBuffer: 64e6 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`rollcall ${args.join(' ')} ended with ${error.code}: ${stderr}${stdout}`));
      },
    );
  });
}

function expectThat(holds: boolean, what: string, found: unknown): void {
  if (!holds) throw new Error(`${what}; found ${JSON.stringify(found)}`);
  say(`  ${what}`);
}

async function sync(folder: string): Promise<Record<string, unknown>> {
  // What `sync --json` prints; each member is compared below.
  const run = JSON.parse(await rollcall(folder, 'sync', '--json')) as Record<string, unknown>;
  say(`sync: ${JSON.stringify(run.usage ?? 'used nothing')}`);
  return run;
}

async function smoke(folder: string, api: PylonApi): Promise<void> {
  say(await rollcall(folder, 'check'));
  const first = await sync(folder);
  expectThat(first.inserted === 1500, 'the first sync loads 1,500 users', first);
  const second = await sync(folder);
  expectThat(second.statements === 0 && second.usage === undefined, 'the second one asks for metadata alone', second);
  const [one, two] = api.world.users();
  if (one === undefined || two === undefined) throw new Error('the demo API has no users');
  api.world.rename(one.id, 'Smoke Renamed');
  api.world.remove(two.id);
  const third = await sync(folder);
  expectThat(third.updated === 1 && third.deleted === 1, 'the third one changes one user and marks another', third);
  const sql = 'select op, count(*) as n from user_changes group by op order by op';
  const log: unknown = JSON.parse(await rollcall(folder, 'query', '--json', sql));
  const wanted = [
    { op: 'delete', n: 1 },
    { op: 'insert', n: 1500 },
    { op: 'update', n: 1 },
  ];
  expectThat(JSON.stringify(log) === JSON.stringify(wanted), 'each change is logged once', log);
  rmSync(join(folder, 'state'), { recursive: true });
  const rebuilt = await sync(folder);
  expectThat(rebuilt.outcome === 'ok' && rebuilt.inserted === 0, 'a lost ledger is made anew from the rows', rebuilt);
  const changes = await rollcall(folder, 'changes', 'support', '--since', '1h');
  expectThat(
    changes.includes('Smoke Renamed'),
    'the change is shown with its old and new value',
    changes.slice(0, 500),
  );
}

async function dropDataset({ project, dataset, endpoint, token }: Target): Promise<void> {
  const { BigQuery } = await import('@google-cloud/bigquery');
  const { OAuth2Client } = await import('google-auth-library');
  const authClient = new OAuth2Client();
  if (token !== undefined) authClient.setCredentials({ access_token: token });
  const there = endpoint === undefined ? {} : { apiEndpoint: endpoint, authClient };
  await new BigQuery({ projectId: project, ...there }).dataset(dataset).delete({ force: true });
  say(`dataset ${dataset} is dropped`);
}

async function main(): Promise<void> {
  const target = targetOf(process.env);
  if (target === null) {
    say('Set ROLLCALL_SMOKE_PROJECT to a project with billing; see docs/warehouses/bigquery.md.');
    process.exitCode = 2;
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-smoke-'));
  const api = await startPylon({ users: 1500, limits: { list: 0, get: 0, search: 0, write: 0 } });
  writeFileSync(join(folder, 'rollcall.yaml'), configOf(target, api));
  writeFileSync(join(folder, '.env'), `PYLON_TOKEN=${api.token}\nBQ_TOKEN=${target.token ?? ''}\n`);
  say(`smoking in ${target.project}.${target.dataset}`);
  try {
    await smoke(folder, api);
    say('all is well');
  } catch (error) {
    failed(error);
  }
  await api.close();
  rmSync(folder, { recursive: true, force: true });
  await dropDataset(target).catch(failed);
}

function failed(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

await main();
