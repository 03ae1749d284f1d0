import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import type { Command } from 'commander';
import type { Config, Connection } from '../../../config/types.ts';
import { noCounts } from '../../contract/run.ts';
import { isAbort, locate, RollcallError } from '../../errors.ts';
import { type Globals, globalsOf } from '../globals.ts';
import { print } from '../print.ts';
import { type Stop, stopOnSignals } from '../stop.ts';
import { view } from '../terminal.ts';
import { chosen, configOf, depsOf, openWarehouse } from '../workplace.ts';

interface Finding {
  readonly subject: string;
  readonly ok: boolean;
  readonly message: string;
  readonly code: number;
}

async function finding(subject: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { subject, ok: true, message: await look(), code: 0 };
  } catch (error) {
    if (isAbort(error)) throw error;
    const { message, kind } = locate(error, subject, 'check');
    return { subject, ok: false, message, code: kind === 'config' ? 2 : 1 };
  }
}

async function folder(config: Config): Promise<string> {
  const { dir } = config.state;
  try {
    if (!existsSync(dir)) mkdirSync(dir, { recursive: true, mode: 0o700 });
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new RollcallError('config', `may not write ${dir}; set state.dir to a folder that this user may write`, {
      step: 'check',
      cause: error,
    });
  }
  return `${dir} is there and writable`;
}

async function warehouse(config: Config, stop: Stop): Promise<string> {
  const { warehouse: kind, options } = config.warehouse;
  const context = { signal: stop.signal, waiting: () => undefined };
  if (kind.check !== undefined) {
    const found = await kind.check(options, { scratch: config.state.dir, ...context });
    return `${kind.name}: ${found.join('; ')}`;
  }
  const session = await openWarehouse(config, 'write', context);
  await session?.close();
  return `${kind.name} opens for writing`;
}

async function connection(config: Config, one: Connection, globals: Globals, stop: Stop): Promise<string> {
  const seen = view(one.name, globals);
  const { reader, close } = depsOf(config, one, seen, stop.signal).connect(noCounts());
  try {
    const account = await reader.account();
    const { roles, teams, withheld } = await reader.refs();
    const who = account.name === null ? account.id : `${account.name} (${account.id})`;
    const { exclude, hash } = one.columns;
    const older =
      exclude.length + hash.length > 0 ? '; its column rules hold from now on: older log rows keep what they held' : '';
    const listed = withheld === undefined ? `${teams.size} teams` : `no teams, for ${withheld}`;
    return `${one.source.name} answers for ${who}: ${roles.size} roles, ${listed}${older}`;
  } finally {
    close();
    seen.done();
  }
}

/** `rollcall check [connection]`: is everything there that a sync needs? */
export async function check(name: string | undefined, _options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const stop = stopOnSignals();
  try {
    const found = [
      { subject: 'config', ok: true, message: `${config.file} is right`, code: 0 },
      await finding('state', () => folder(config)),
      await finding('warehouse', () => warehouse(config, stop)),
    ];
    for (const one of chosen(config, name === undefined ? [] : [name])) {
      found.push(await finding(one.name, () => connection(config, one, globals, stop)));
    }
    if (globals.json) print(JSON.stringify(found.map(({ subject, ok, message }) => ({ subject, ok, message }))));
    else for (const { subject, ok, message } of found) print(`${ok ? 'ok   ' : 'wrong'}  ${subject}: ${message}`);
    return found.some(({ code }) => code === 2) ? 2 : Math.max(...found.map(({ code }) => code));
  } finally {
    stop.release();
  }
}
