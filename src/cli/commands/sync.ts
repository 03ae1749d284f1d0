import type { Command } from 'commander';
import type { Config, Connection } from '../../../config/types.ts';
import type { Run } from '../../contract/run.ts';
import type { Chosen } from '../../contract/source.ts';
import { RollcallError } from '../../errors.ts';
import { type DryRun, dryRun } from '../../sync/dry-run.ts';
import { execute, type RunRequest } from '../../sync/run.ts';
import { type Globals, globalsOf } from '../globals.ts';
import { codeOf, notBegun } from '../outcome.ts';
import { dryRunText, print, runObject, runText } from '../print.ts';
import { type Stop, stopOnSignals } from '../stop.ts';
import { view } from '../terminal.ts';
import { chosen, configOf, connectionOf, depsOf } from '../workplace.ts';

/** What all runs of one command share. */
interface Asked {
  readonly config: Config;
  readonly globals: Globals;
  readonly stop: Stop;
  readonly request: RunRequest;
}

async function runOne(connection: Connection, asked: Asked): Promise<Run> {
  const { config, globals, stop, request } = asked;
  const seen = view(connection.name, globals);
  try {
    return await execute(depsOf(config, connection, seen, stop.signal), request);
  } catch (error) {
    if (globals.verbose && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    return notBegun(connection, request, error);
  } finally {
    seen.done();
  }
}

async function tryOne(connection: Connection, asked: Asked): Promise<DryRun> {
  const { config, globals, stop, request } = asked;
  const seen = view(connection.name, globals);
  try {
    return await dryRun(depsOf(config, connection, seen, stop.signal), request.allowDeletes);
  } finally {
    seen.done();
  }
}

function show(run: Run, { globals }: Asked): void {
  if (globals.json) print(JSON.stringify(runObject(run)));
  else if (!globals.quiet || run.outcome !== 'ok') print(runText(run));
}

function showDry({ run, samples }: DryRun, { globals }: Asked): void {
  if (globals.json) print(JSON.stringify({ ...runObject(run), dry_run: true, samples }));
  else print(dryRunText(run, samples));
}

/** Over several connections 1 beats 2 beats 3 beats 0. */
function worst(codes: readonly number[]): number {
  return [1, 2, 3].find((code) => codes.includes(code)) ?? 0;
}

async function runAll(connections: readonly Connection[], asked: Asked, dry: boolean): Promise<number> {
  const codes: number[] = [];
  for (const connection of connections) {
    if (asked.stop.signal.aborted) break;
    if (dry) {
      const tried = await tryOne(connection, asked);
      showDry(tried, asked);
      codes.push(codeOf(tried.run));
    } else {
      const run = await runOne(connection, asked);
      show(run, asked);
      codes.push(codeOf(run));
    }
  }
  return asked.stop.code() ?? worst(codes);
}

async function withStop(work: (stop: Stop) => Promise<number>): Promise<number> {
  const stop = stopOnSignals();
  try {
    return await work(stop);
  } finally {
    stop.release();
  }
}

const byCommand = { trigger: 'command', scheduled_at: null } as const;

/** `rollcall sync [connection…]`: now, in this process, one connection after the other. */
export async function sync(
  names: string[],
  options: { allowDeletes?: true; dryRun?: true },
  command: Command,
): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const request: RunRequest = { kind: 'sync', ...byCommand, allowDeletes: options.allowDeletes === true };
  const connections = chosen(config, names);
  return withStop((stop) => runAll(connections, { config, globals, stop, request }, options.dryRun === true));
}

/** `rollcall backfill <connection>`: every row again, whatever its fingerprint. */
export async function backfill(name: string, options: { allowDeletes?: true }, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const request: RunRequest = { kind: 'backfill', ...byCommand, allowDeletes: options.allowDeletes === true };
  const connection = connectionOf(config, name);
  return withStop((stop) => runAll([connection], { config, globals, stop, request }, false));
}

function chosenUsers(options: { id?: string[]; email?: string[] }): Chosen {
  const { id = [], email = [] } = options;
  if (id.length > 0 === email.length > 0) {
    throw new RollcallError('config', 'name the users by --id or by --email, one of the two', { step: 'resync' });
  }
  return id.length > 0 ? { ids: id } : { emails: email };
}

/** `rollcall resync <connection> --id … | --email …`: chosen users, through get and the search API. */
export async function resync(
  name: string,
  options: { id?: string[]; email?: string[] },
  command: Command,
): Promise<number> {
  const globals = globalsOf(command);
  const request: RunRequest = { kind: 'resync', ...byCommand, allowDeletes: false, chosen: chosenUsers(options) };
  const config = await configOf(globals.config);
  const connection = connectionOf(config, name);
  return withStop((stop) => runAll([connection], { config, globals, stop, request }, false));
}

/** `rollcall rejected replay <connection>`: tries the quarantined records again. */
export async function replayRejected(name: string, _options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const request: RunRequest = { kind: 'resync', ...byCommand, allowDeletes: false, chosen: 'rejected' };
  const config = await configOf(globals.config);
  const connection = connectionOf(config, name);
  return withStop((stop) => runAll([connection], { config, globals, stop, request }, false));
}
