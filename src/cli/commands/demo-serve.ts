import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type PylonApi, startPylon } from '../../demo/pylon/server.ts';
import { isAbort } from '../../errors.ts';
import { globalsOf } from '../globals.ts';
import { print } from '../print.ts';
import { stopOnSignals } from '../stop.ts';

const FOLDER = 'rollcall-demo';
const USERS = 500;
/** Every quarter of a minute: the demo's API allows it, and nobody waits long for something to see. */
const SCHEDULE = '*/15 * * * * *';
/** How often somebody changes the name, in ms. */
const CHANGE_MS = 20_000;

/** The folder is the demo's own: what an earlier demo left in it is removed, anything else is left alone. */
function writeFiles(api: PylonApi): string {
  const folder = resolve(FOLDER);
  for (const name of ['data', 'rollcall.yaml', '.env']) rmSync(join(folder, name), { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'rollcall.yaml'),
    [
      '# Written by `rollcall demo --serve`; the next demo writes it again.',
      'warehouse:',
      '  type: duckdb',
      '  path: ./data/warehouse.duckdb',
      'state:',
      '  dir: ./data/state',
      'connections:',
      '  support:',
      '    source: pylon',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the config, resolved from .env beside it
      '    token: ${PYLON_TOKEN}',
      `    base_url: ${api.url}`,
      `    schedule: "${SCHEDULE}"`,
      '',
    ].join('\n'),
  );
  writeFileSync(join(folder, '.env'), `PYLON_TOKEN=${api.token}\n`, { mode: 0o600 });
  return join(FOLDER, 'rollcall.yaml');
}

/** Renames one user after the other until it is told to stop. */
async function keepChanging(api: PylonApi, signal: AbortSignal, say: (line: string) => void): Promise<void> {
  for (let turn = 1; ; turn += 1) {
    await sleep(CHANGE_MS, undefined, { signal });
    const users = api.world.users('listed');
    const user = users[(turn * 37) % users.length];
    if (user === undefined) continue;
    const name = `${String(user.name).replace(/ \d+$/, '')} ${turn + 1}`;
    api.world.rename(user.id, name);
    say(`${user.id} is now called ${name}`);
  }
}

/** `rollcall demo --serve`: the demo's API by itself, for a worker in another terminal, until Ctrl-C. */
export async function serveDemo(_options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const say = (line: string): void => {
    if (!globals.quiet) print(line);
  };
  const stop = stopOnSignals();
  const api = await startPylon({ users: USERS, seed: 7 });
  try {
    const file = writeFiles(api);
    if (globals.json) print(JSON.stringify({ url: api.url, config: resolve(file), schedule: SCHEDULE }));
    else {
      say(`A Pylon API with ${USERS} users runs at ${api.url} until Ctrl-C; somebody changes the name now and then.`);
      say(`In other terminals:\n`);
      say(`  rollcall worker --config ${file}`);
      say(`  rollcall schedules --config ${file}`);
      say(`  rollcall changes --config ${file}\n`);
    }
    await keepChanging(api, stop.signal, globals.json ? () => undefined : say);
    return 0;
  } catch (error) {
    if (isAbort(error)) return stop.code() ?? 130;
    throw error;
  } finally {
    await api.close();
    stop.release();
  }
}
