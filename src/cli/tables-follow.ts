import type { WriteLog } from '../contract/writes.ts';
import { locate, RollcallError } from '../errors.ts';
import { execute } from '../sync/run.ts';
import type { Deps } from '../sync/settings.ts';
import { sendWrites } from '../sync/write-rows.ts';

/** The tables follow a long apply this often, in ms: where a small batch costs nothing, and elsewhere. */
const EVERY = { free: 5_000, billed: 60_000 } as const;

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
  // The rows about the writes first: they are true whatever becomes of reading the users again.
  const there = await sendWrites(deps, log);
  if (there && log.marks().length === 0) return;
  // Without tables, this run makes them, also where there is nobody to read.
  const run = await execute(deps, AGAIN);
  if (run.error !== null) throw new RollcallError(run.error.kind, run.error.message, { step: run.error.step });
  await sendWrites(deps, log);
}

/** Follows one apply. `deps` must outlive a request to stop: what was written belongs into the tables all the same. */
export function makeFollower(deps: Deps, log: WriteLog): Follower {
  const every = deps.warehouse.freeWrites ? EVERY.free : EVERY.billed;
  let last = Date.now();
  const attempt = async (): Promise<RollcallError | null> => {
    try {
      await follow(deps, log);
      return null;
    } catch (error) {
      const known = locate(error, deps.settings.name, 'bring the writes into the tables');
      if (known.kind !== 'busy' || known.step !== 'take the lease') return known;
      // That run reads the marked users again before it applies anything, and once more when it is done.
      const who = known.message.split(';')[0] ?? '';
      deps.observer.warn(`${deps.settings.name}: ${who}; it reads the users who were written to again`);
      return null;
    } finally {
      last = Date.now();
    }
  };
  return {
    now: async () => {
      if (Date.now() - last >= every) await attempt();
    },
    finish: async () => {
      return log.marks().length === 0 && log.unsent(1).length === 0 ? null : attempt();
    },
  };
}
