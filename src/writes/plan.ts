import type { JsonObject } from '../contract/json.ts';
import type { RunError } from '../contract/run.ts';
import type { Changes, Target } from '../contract/writes.ts';
import { BadRecord, RollcallError } from '../errors.ts';
import { addressIn } from './addresses.ts';
import { changesOf, labelOf } from './changes.ts';
import { isUnsettled, settleCreation, settleOpen } from './pending.ts';
import { keyOf, type Row } from './row.ts';
import { missingToo, type Read, readUser, type WriteWork } from './work.ts';

/** One row of a plan. */
export interface Planned extends Read {
  readonly row: Row;
  readonly key: string;
  readonly user_id: string | null;
  readonly outcome: 'planned' | 'unchanged' | 'refused';
  readonly error: RunError | null;
  /** Who the user is, for a person. */
  readonly label: string | null;
  /** Of a creation: users who have the address already. */
  readonly before: readonly string[];
  /** When the user was read, in ms. */
  readonly read_at: number;
}

/** The error of a row that is refused. */
export function refusal(row: Row, reason: string): RunError {
  const message = row.where === '' ? reason : `${row.where}: ${reason}`;
  return { kind: 'refused', step: 'plan', message, retryable: false };
}

function planned(row: Row, facts: Partial<Planned>): Planned {
  return {
    row,
    key: keyOf(row),
    user_id: row.user_id,
    outcome: 'planned',
    error: null,
    label: null,
    raw: null,
    changes: {},
    before: [],
    read_at: Date.now(),
    ...facts,
  };
}

/** A row that is refused, with the reason. */
export const refused = (row: Row, reason: string, facts: Partial<Planned> = {}): Planned =>
  planned(row, { ...facts, outcome: 'refused', error: refusal(row, reason) });

/** A row that was planned before and is read again before it is written. */
export const unread = (row: Row, changes: Changes): Planned => planned(row, { changes, read_at: 0 });

/** What of a row the source is asked for. */
export function targetOf(work: WriteWork, row: Row, raw: JsonObject | null): Target {
  return { op: row.op, id: row.user_id, raw, settings: row.settings, refs: work.refs };
}

/** What the row changes, or why it cannot. */
function look(work: WriteWork, row: Row, raw: JsonObject | null): Read | { readonly reason: string } {
  try {
    return { raw, changes: changesOf(work, targetOf(work, row, raw)) };
  } catch (error) {
    if (error instanceof BadRecord) return { reason: error.message };
    throw error;
  }
}

/** The user whom an earlier apply of this row created, if he is still there. */
async function createdBefore(work: WriteWork, key: string): Promise<string | null> {
  if (!work.remembers) return null;
  for (const { outcome, user_id } of work.log?.of(key) ?? []) {
    if (outcome !== 'applied' || user_id === null) continue;
    if ((await readUser(work, user_id)) !== null) return user_id;
  }
  return null;
}

/** Whoever cannot be searched for must not be made twice. */
const LOST_CREATION =
  'the answer to an earlier creation of this user was lost, and nobody can be searched for his address: look in the source whether he is there';

async function planCreation(work: WriteWork, row: Row, key: string): Promise<Planned> {
  const read = look(work, row, null);
  if ('reason' in read) return refused(row, read.reason);
  const there = await createdBefore(work, key);
  if (there !== null) return planned(row, { outcome: 'unchanged', user_id: there });
  const address = addressIn(row.settings);
  const holding = address === null ? null : await work.holders(address);
  if (holding === null) {
    return isUnsettled(work, key) ? refused(row, LOST_CREATION) : planned(row, read);
  }
  const made = settleCreation(work, key, holding);
  if (made !== null) return planned(row, { outcome: 'unchanged', user_id: made });
  return planned(row, { ...read, before: holding });
}

/** The user as he is, null where there is none; or why this id gets no answer, which is no trouble of the other rows. */
async function askedFor(work: WriteWork, user_id: string): Promise<JsonObject | null | RollcallError> {
  try {
    return await readUser(work, user_id);
  } catch (error) {
    if (error instanceof RollcallError && error.kind === 'bad-data') return error;
    throw error;
  }
}

/** A user whom the source does not find: perhaps an earlier apply of this row deleted him. */
async function planMissing(work: WriteWork, row: Row, key: string, user_id: string): Promise<Planned> {
  const underWay = row.op === 'delete' && isUnsettled(work, key);
  const control = underWay ? await missingToo(work, user_id) : null;
  if (control !== null)
    return refused(row, `the source finds neither user ${user_id} nor ${control}, who is there; try again later`);
  settleOpen(work, key, { raw: null, changes: {} });
  const deleted = underWay || (row.op === 'delete' && work.remembers && work.log?.deleted(user_id) === true);
  return deleted ? planned(row, { outcome: 'unchanged' }) : refused(row, `there is no user ${user_id}`);
}

async function planChange(work: WriteWork, row: Row, key: string, user_id: string): Promise<Planned> {
  const raw = await askedFor(work, user_id);
  if (raw instanceof RollcallError) return refused(row, `user ${user_id} cannot be looked up: ${raw.message}`);
  if (raw === null) return planMissing(work, row, key, user_id);
  const label = labelOf(work, raw);
  const read = look(work, row, raw);
  if ('reason' in read) return refused(row, read.reason, { label });
  settleOpen(work, key, read);
  const nothing = row.op === 'update' && Object.keys(read.changes).length === 0;
  return planned(row, { ...read, label, outcome: nothing ? 'unchanged' : 'planned' });
}

/** Reads one user and says what the row would change. Throws when he cannot be read; what cannot be is `refused`. */
export async function planRow(work: WriteWork, row: Row): Promise<Planned> {
  if (row.problem !== null) return refused(row, row.problem);
  const key = keyOf(row);
  return row.user_id === null ? planCreation(work, row, key) : planChange(work, row, key, row.user_id);
}

/** Plans every row, in order. */
export async function planRows(
  work: WriteWork,
  rows: readonly Row[],
  plan: (row: Row) => Promise<Planned> = (row) => planRow(work, row),
): Promise<Planned[]> {
  const plans: Planned[] = [];
  for (const row of rows) {
    work.deps.signal.throwIfAborted();
    plans.push(await plan(row));
  }
  return plans;
}
