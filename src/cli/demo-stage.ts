import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '../../config/types.ts';
import { RollcallError } from '../errors.ts';
import { execute } from '../sync/run.ts';
import type { Globals } from './globals.ts';
import { print, runObject, runText, table } from './print.ts';
import type { Stop } from './stop.ts';
import { view } from './terminal.ts';
import { connectionOf, depsOf, openWarehouse } from './workplace.ts';

/** Where a demo leaves its files. */
export const FOLDER = 'rollcall-demo';

/** A demo's configuration: the lines under `connections:`, and the secrets that they refer to. */
export interface DemoFiles {
  readonly connections: readonly string[];
  readonly secrets: Readonly<Record<string, string>>;
}

/** Writes the demo's configuration. The folder is the demo's own: what an earlier one left is removed, anything else is left alone. */
export function writeDemo({ connections, secrets }: DemoFiles): string {
  const folder = resolve(FOLDER);
  for (const name of ['data', 'rollcall.yaml', '.env']) rmSync(join(folder, name), { recursive: true, force: true });
  if (!existsSync(folder)) mkdirSync(folder);
  const file = join(folder, 'rollcall.yaml');
  const lines = [
    '# Written by `rollcall demo`; the next demo writes it again. The APIs of the demo end with it, the tables stay.',
    'warehouse:',
    '  type: duckdb',
    '  path: ./data/warehouse.duckdb',
    'state:',
    '  dir: ./data/state',
    'connections:',
    ...connections.map((line) => `  ${line}`),
    '',
  ];
  writeFileSync(file, lines.join('\n'));
  const env = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(folder, '.env'), env.join(''), { mode: 0o600 });
  return file;
}

/** What showing a demo takes. */
export interface Showing {
  readonly config: Config;
  readonly globals: Globals;
  readonly stop: Stop;
}

/** Syncs a connection and shows how it went; throws what it failed with. */
export async function syncAndShow({ config, globals, stop }: Showing, name: string): Promise<void> {
  const seen = view(name, globals);
  try {
    const deps = depsOf(config, connectionOf(config, name), seen, stop.signal);
    const run = await execute(deps, { kind: 'sync', trigger: 'command', scheduled_at: null, allowDeletes: false });
    print(globals.json ? JSON.stringify(runObject(run)) : `  ${runText(run)}`);
    if (run.error !== null) throw new RollcallError(run.error.kind, run.error.message, { step: run.error.step });
  } finally {
    seen.done();
  }
}

/** A question, and the SQL that answers it. */
export type Question = readonly [question: string, sql: string];

/** Asks the tables and shows the answers; silent with --json, which shows the runs alone. */
export async function askAndShow({ config, globals, stop }: Showing, questions: readonly Question[]): Promise<void> {
  if (globals.json) return;
  const session = await openWarehouse(config, 'read', { signal: stop.signal, waiting: () => undefined });
  if (session === null) throw new Error('the demo has no warehouse after its syncs');
  try {
    for (const [question, sql] of questions) {
      const rows = await Array.fromAsync(session.read({ sql, params: [] }));
      const names = Object.keys(rows[0] ?? {});
      const cells = rows.map((row) => names.map((name) => row[name]));
      print(`\n${question}\n  ${sql}\n\n${table(names, cells).replaceAll(/^/gm, '  ')}`);
    }
  } finally {
    await session.close();
  }
}
