import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Desk, Handed } from '../../../jobs/desk.ts';
import type { RunData } from '../../../jobs/requests.ts';
import type { Run } from '../../contract/run.ts';
import { RollcallError } from '../../errors.ts';
import { type Globals, globalsOf } from '../globals.ts';
import { codeOf, notBegun } from '../outcome.ts';
import { print, runObject, runText } from '../print.ts';
import { type Stop, stopOnSignals } from '../stop.ts';
import { view } from '../terminal.ts';
import { openAnyDesk } from '../worker/client.ts';
import { configOf, connectionOf } from '../workplace.ts';

/** What the command line has. */
interface Options {
  readonly backfill?: true;
  readonly id?: string[];
  readonly email?: string[];
  readonly allowDeletes?: true;
  readonly wait?: true;
}

/** How often a run that is waited for is asked after, in ms. */
const POLL_MS = 300;

function misused(message: string): RollcallError {
  return new RollcallError('config', message, { step: 'enqueue' });
}

function asked(connection: string, options: Options): RunData {
  const { backfill = false, id = [], email = [], allowDeletes = false } = options;
  const kinds = [backfill, id.length > 0, email.length > 0].filter((given) => given);
  if (kinds.length > 1) throw misused('--backfill, --id and --email are three different runs: give one of them');
  if (allowDeletes && id.length + email.length > 0)
    throw misused(
      '--allow-deletes is for a complete scan; a run for chosen users deletes nobody it was not asked about',
    );
  const common = { connection, trigger: 'enqueue', scheduled_at: null, allow_deletes: allowDeletes } as const;
  if (id.length > 0) return { ...common, kind: 'resync', ids: id };
  if (email.length > 0) return { ...common, kind: 'resync', emails: email };
  return { ...common, kind: backfill ? 'backfill' : 'sync' };
}

/** How long whoever waits puts up with nobody to ask, in ms: a worker that ended is started again, and goes on with the run. */
const AWAY_MS = 120_000;

/** Where a run stands; `away` while there is nobody to ask. */
type Sight = Handed | null | 'away';

/** Looks at a job. Nobody to ask is no end of it, unless that lasts: `since` is when somebody was last there. */
async function sight(desk: Desk, job_id: string, since: number): Promise<Sight> {
  try {
    return await desk.look(job_id);
  } catch (error) {
    if (!(error instanceof RollcallError) || !error.retryable) throw error;
    if (performance.now() - since < AWAY_MS) return 'away';
    throw new RollcallError(
      'transient',
      `${error.message}. The run stays in the queue as job ${job_id}; what became of it is told by rollcall runs`,
      { step: 'enqueue', cause: error },
    );
  }
}

/** Waits for the end of a run that was handed over. */
async function ended(desk: Desk, job_id: string, stop: Stop, tell: (state: string) => void): Promise<Handed> {
  let since = performance.now();
  for (;;) {
    const job = await sight(desk, job_id, since);
    if (job === 'away') {
      tell('out of sight: there is nobody to ask');
      await sleep(POLL_MS, undefined, { signal: stop.signal });
      continue;
    }
    since = performance.now();
    if (job === null)
      throw new RollcallError(
        'transient',
        `the queue no longer knows job ${job_id}; rollcall runs tells what became of it`,
        { step: 'enqueue' },
      );
    if (job.state === 'completed' || job.state === 'failed') return job;
    tell(job.state);
    await sleep(POLL_MS, undefined, { signal: stop.signal });
  }
}

/** The run that a job ended with; one that never began has none of its own. */
function runOf(job: Handed): Run | null {
  if (job.result !== null) return 'run' in job.result ? job.result.run : null;
  return job.progress?.run ?? null;
}

function show(run: Run, globals: Globals): number {
  if (globals.json) print(JSON.stringify(runObject(run)));
  else if (!globals.quiet || run.outcome !== 'ok') print(runText(run));
  return codeOf(run);
}

/** `rollcall enqueue <connection>`: hands a run to the workers; with --wait, stays for its end. */
export async function enqueue(name: string, options: Options, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const data = asked(name, options);
  const config = await configOf(globals.config);
  const connection = connectionOf(config, name);
  const stop = stopOnSignals();
  const desk = await openAnyDesk(config);
  try {
    const job_id = await desk.enqueue(data);
    if (options.wait !== true) {
      if (globals.json) print(JSON.stringify({ connection: name, kind: data.kind, job_id }));
      else if (!globals.quiet)
        print(
          `${name}: ${data.kind} handed to the workers as job ${job_id}; \`rollcall runs ${name}\` shows it when it ran`,
        );
      return 0;
    }
    const seen = view(name, globals);
    let told = '';
    const job = await ended(desk, job_id, stop, (state) => {
      if (state !== told) seen.note(`job ${state}`, { connection: name, job_id });
      told = state;
    }).finally(() => seen.done());
    const run = runOf(job);
    if (run !== null) return show(run, globals);
    const error = new RollcallError('transient', job.failed ?? 'the run was skipped', {
      connection: name,
      step: 'enqueue',
    });
    return show(notBegun(connection, data, error), globals);
  } catch (error) {
    const code = stop.code();
    // The run goes on without whoever waited for it.
    if (code !== null) return code;
    throw error;
  } finally {
    await desk.close();
    stop.release();
  }
}
