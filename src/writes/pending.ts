import type { WriteEntry, WriteLog } from '../contract/writes.ts';
import { pick } from './changes.ts';
import type { Read, WriteWork } from './work.ts';

const LOST = 'the process ended before the answer came';

/** True while nobody knows what became of a write. */
export const isOpen = (entry: WriteEntry): boolean => entry.outcome === null || entry.outcome === 'unknown';

function end(work: WriteWork, log: WriteLog, entry: WriteEntry, found: Partial<WriteEntry>): void {
  const { user_id, response_status } = entry;
  log.end(entry.write_id, {
    user_id,
    response_status,
    outcome: 'unknown',
    error: `${LOST}; a look at the user could not tell what became of it`,
    answered_at: work.now(),
    ...found,
  });
}

/** What a reading of the user says of an update or deletion whose answer was lost. */
function verdict(entry: WriteEntry, read: Read): Partial<WriteEntry> {
  const not = { outcome: 'failed', error: `${LOST}; the user was read again: it did not happen` } as const;
  if (entry.op === 'delete') return read.raw === null ? { outcome: 'applied', error: null } : not;
  const fields = Object.keys(entry.changes);
  const left = Object.keys(pick(read.changes, fields));
  if (read.raw === null || fields.length === 0) return {};
  if (left.length === 0) return { outcome: 'applied', error: null };
  return left.length === fields.length ? not : {};
}

/** True when nobody knows what became of an earlier write of this row. */
export const isUnsettled = (work: WriteWork, key: string): boolean => work.log?.of(key).some(isOpen) ?? false;

/** Settles what became of earlier writes of a row, now that its user was read. */
export function settleOpen(work: WriteWork, key: string, read: Read): void {
  const { log, applies } = work;
  if (log === null || !applies) return;
  for (const entry of log.of(key).filter(isOpen)) end(work, log, entry, verdict(entry, read));
}

/**
 * What became of earlier creations of a row: the id of the user who is there now and was not before, or null. A later
 * process that does not find him has the proof that the request, which ended with the earlier one, did not happen.
 */
export function settleCreation(work: WriteWork, key: string, holding: readonly string[]): string | null {
  const { log, applies } = work;
  for (const entry of log?.of(key).filter(isOpen) ?? []) {
    const fresh = holding.filter((id) => !entry.before.includes(id));
    const [only] = fresh;
    if (fresh.length === 1 && only !== undefined) {
      if (log !== null && applies) end(work, log, entry, { user_id: only, outcome: 'applied', error: null });
      return only;
    }
    if (log === null || !applies) continue;
    const error = `${LOST}; the address was looked up: nobody new has it`;
    end(work, log, entry, fresh.length === 0 ? { outcome: 'failed', error } : {});
  }
  return null;
}

/** Writes of other commands that nobody asks for again: what became of them stays unknown. */
export function closeOrphans(work: WriteWork): void {
  const { log } = work;
  for (const entry of log?.open() ?? []) if (log !== null) end(work, log, entry, {});
}
