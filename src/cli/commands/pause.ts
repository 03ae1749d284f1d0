import type { Command } from 'commander';
import { makeFacts } from '../../../jobs/facts.ts';
import { openStore } from '../../../jobs/store/open.ts';
import { globalsOf } from '../globals.ts';
import { print } from '../print.ts';
import { configOf, connectionOf } from '../workplace.ts';

async function setPaused(name: string, paused: boolean, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const { schedule } = connectionOf(config, name);
  const store = await openStore(config);
  try {
    await makeFacts(store).setPaused(name, paused ? new Date().toISOString() : null);
  } finally {
    await store.close();
  }
  const without = schedule === undefined ? '; it has no schedule anyway' : '';
  if (globals.json) print(JSON.stringify({ connection: name, paused }));
  else if (!globals.quiet)
    print(
      paused
        ? `${name}: paused; its schedule starts no runs until \`rollcall resume ${name}\`${without}`
        : `${name}: its schedule starts runs again${without}`,
    );
  return 0;
}

/** `rollcall pause <connection>`: keeps its schedule from starting runs. */
export function pause(name: string, _options: object, command: Command): Promise<number> {
  return setPaused(name, true, command);
}

/** `rollcall resume <connection>`: lets its schedule start runs again. */
export function resume(name: string, _options: object, command: Command): Promise<number> {
  return setPaused(name, false, command);
}
