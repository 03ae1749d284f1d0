import type { WriteLog } from '../contract/writes.ts';
import { locate, RollcallError } from '../errors.ts';
import { execute } from '../sync/run.ts';
import type { Deps } from '../sync/settings.ts';
import { sendWrites } from '../sync/write-rows.ts';

/** The tables follow a long apply this often, in ms. */
const EVERY = 10_000;

const AGAIN = {
  kind: 'resync',
  trigger: 'command',
  scheduled_at: null,
  allowDeletes: false,
  chosen: 'marked',
} as const;

/** Brings what was written into the tables. */
export interface Follower {
  /** After each row: does so now and then. Does not throw. */
  now(): Promise<void>;
  /** Does so for all that is left. Null, or why the tables are behind. */
  finish(): Promise<RollcallError | null>;
}

async function follow(deps: Deps, log: WriteLog): Promise<void> {
  // Without a mark nothing needs to be read; without tables, the run that reads nothing makes them.
  if (log.marks().length > 0 || !(await sendWrites(deps, log))) {
    const run = await execute(deps, AGAIN);
    if (run.error !== null) throw new RollcallError(run.error.kind, run.error.message, { step: run.error.step });
  }
  await sendWrites(deps, log);
}

/** Of a run that has the connection: it reads the marked users again before it applies, and once more when it ends. */
async function leaveToRun(deps: Deps, log: WriteLog, busy: RollcallError): Promise<void> {
  deps.observer.warn(
    `${deps.settings.name}: ${busy.message.split(';')[0]}; it reads the users who were written to again`,
  );
  await sendWrites(deps, log);
}

/** Follows one apply. */
export function makeFollower(deps: Deps, log: WriteLog): Follower {
  let last = Date.now();
  const attempt = async (): Promise<RollcallError | null> => {
    try {
      await follow(deps, log);
      return null;
    } catch (error) {
      const known = locate(error, deps.settings.name, 'bring the writes into the tables');
      if (known.kind !== 'busy' || known.step !== 'take the lease') return known;
      return leaveToRun(deps, log, known).then(
        () => null,
        (behind: unknown) => locate(behind, deps.settings.name, 'user_writes'),
      );
    } finally {
      last = Date.now();
    }
  };
  return {
    now: async () => {
      if (Date.now() - last < EVERY || deps.signal.aborted) return;
      await attempt();
    },
    finish: async () => {
      if (deps.signal.aborted || (log.marks().length === 0 && log.unsent(1).length === 0)) return null;
      return attempt();
    },
  };
}
