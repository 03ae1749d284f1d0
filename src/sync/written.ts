import type { Run, Trigger } from '../contract/run.ts';
import type { WriteLog } from '../contract/writes.ts';
import { locate, RollcallError } from '../errors.ts';
import type { RunRequest } from './request.ts';
import type { Deps } from './settings.ts';
import { sendWrites } from './write-rows.ts';

const ABANDONED = 'the process ended before the answer came; the same command, run again, finds out what became of it';

/** Writes whose process died: nobody knows what became of them, and their users are read again. */
function giveUp(log: WriteLog): void {
  for (const { write_id, user_id, response_status } of log.open()) {
    const answered_at = new Date().toISOString();
    log.end(write_id, { user_id, response_status, outcome: 'unknown', answered_at, error: ABANDONED });
  }
}

/**
 * Brings what was written to users while a run had the lease into the tables: marked users are read again (`run` is one
 * run under the lease), and the rows of `user_writes` are sent. Called after the lease was given back: whoever writes
 * marks first and asks for the lease then, so that one of the two sees every mark. What fails is left to the next run.
 */
export async function settleWrites(
  deps: Deps,
  trigger: Trigger,
  run: (deps: Deps, request: RunRequest) => Promise<Run>,
): Promise<void> {
  if (deps.signal.aborted) return;
  const { name } = deps.settings;
  try {
    const log = deps.ledger.writes(false);
    if (log === null) return;
    try {
      if (log.open().length > 0) deps.ledger.unlessWriting(() => giveUp(log));
      const there = await sendWrites(deps, log);
      if (log.marks().length > 0 || !there) {
        const again = { kind: 'resync', trigger, scheduled_at: null, allowDeletes: false, chosen: 'marked' } as const;
        const { error } = await run(deps, again);
        if (error !== null) throw new RollcallError(error.kind, error.message, { step: error.step });
      }
      await sendWrites(deps, log);
    } finally {
      log.close();
    }
  } catch (error) {
    const { message } = locate(error, name, 'user_writes');
    deps.observer.warn(`${name}: what was written to its users reaches the tables with the next run: ${message}`);
  }
}
