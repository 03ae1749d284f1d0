import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type PylonApi, startPylon } from '../../demo/pylon/server.ts';
import { isAbort } from '../../errors.ts';
import { type DemoFiles, writeDemo } from '../demo-stage.ts';
import { globalsOf } from '../globals.ts';
import { print } from '../print.ts';
import { stopOnSignals } from '../stop.ts';

const USERS = 500;
/** Every quarter of a minute: the demo's API allows it, and nobody waits long for something to see. */
const SCHEDULE = '*/15 * * * * *';
/** How often somebody changes the name, in ms. */
const CHANGE_MS = 20_000;

/** The demo's configuration: a schedule for a worker, beside what a sync needs. */
const files = (api: PylonApi): DemoFiles => ({
  connections: [
    'support:',
    '  source: pylon',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the config, resolved from .env beside it
    '  token: ${PYLON_TOKEN}',
    `  base_url: ${api.url}`,
    `  schedule: "${SCHEDULE}"`,
  ],
  secrets: { PYLON_TOKEN: api.token },
});

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
    const written = writeDemo(files(api));
    const file = relative('.', written);
    if (globals.json) print(JSON.stringify({ url: api.url, config: written, schedule: SCHEDULE }));
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
