import type { Command } from 'commander';
import type { Config, Connection } from '../../../config/types.ts';
import { noCounts, type Run } from '../../contract/run.ts';
import { locate, RollcallError } from '../../errors.ts';
import { execute } from '../../sync/run.ts';
import { type Globals, globalsOf } from '../globals.ts';
import { print, runObject, runText } from '../print.ts';
import { stopOnSignals } from '../stop.ts';
import { view } from '../terminal.ts';
import { chosen, configOf, depsOf } from '../workplace.ts';

/** What a run that could not begin looks like: there is no row of it anywhere. */
function notBegun(connection: Connection, error: unknown): Run {
  const located = locate(error, connection.name, 'start');
  const now = new Date().toISOString();
  return {
    run_id: '',
    connection: connection.name,
    source: connection.source.name,
    kind: 'sync',
    trigger: 'command',
    outcome: 'failed',
    scheduled_at: null,
    started_at: now,
    finished_at: now,
    counts: noCounts(),
    kept: { unproven: 0, inactive: 0 },
    warnings: [],
    error: { kind: located.kind, step: located.step, message: located.message, retryable: located.retryable },
  };
}

/** What all runs of one command share. */
interface Asked {
  readonly config: Config;
  readonly globals: Globals;
  readonly allowDeletes: boolean;
  readonly signal: AbortSignal;
}

async function syncOne(connection: Connection, asked: Asked): Promise<Run> {
  const { config, globals, allowDeletes, signal } = asked;
  const seen = view(connection.name, globals);
  try {
    const deps = depsOf(config, connection, seen, signal);
    return await execute(deps, { kind: 'sync', trigger: 'command', scheduled_at: null, allowDeletes });
  } catch (error) {
    if (globals.verbose && !(error instanceof RollcallError))
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    return notBegun(connection, error);
  } finally {
    seen.done();
  }
}

/** The exit code of one run. */
function codeOf(run: Run): number {
  if (run.outcome === 'ok') return 0;
  if (run.outcome === 'refused') return 3;
  return run.error?.kind === 'config' ? 2 : 1;
}

/** Over several connections 1 beats 2 beats 3 beats 0. */
export function worst(codes: readonly number[]): number {
  return [1, 2, 3].find((code) => codes.includes(code)) ?? 0;
}

/** `rollcall sync [connection…]`: now, in this process, one connection after the other. */
export async function sync(names: string[], options: { allowDeletes?: true }, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const stop = stopOnSignals();
  const allowDeletes = options.allowDeletes === true;
  const asked = { config, globals, allowDeletes, signal: stop.signal };
  const codes: number[] = [];
  try {
    for (const connection of chosen(config, names)) {
      const run = await syncOne(connection, asked);
      codes.push(codeOf(run));
      if (globals.json) print(JSON.stringify(runObject(run)));
      else if (!globals.quiet || run.outcome !== 'ok') print(runText(run));
      if (stop.signal.aborted) break;
    }
  } finally {
    stop.release();
  }
  return stop.code() ?? worst(codes);
}
