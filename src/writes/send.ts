import { randomUUID } from 'node:crypto';
import type { Answer } from '../contract/io.ts';
import type { JsonObject } from '../contract/json.ts';
import type { Setting, Target, WriteEntry, WriteLog, WriteOp, WriteOutcome, WriteStep } from '../contract/writes.ts';
import { isAbort, locate, RollcallError } from '../errors.ts';
import { askAgain, waitAsAsked } from '../http/patience.ts';
import { idIn, keptChanges, keptText, pick } from './changes.ts';
import { type Planned, targetOf } from './plan.ts';
import { prove } from './proof.ts';
import type { WriteWork } from './work.ts';

/** A write whose answers are lost is sent at most so often, and only while reads say that it did not happen. */
const SENDS = 3;

/** How one row, or one request of it, ended. */
export interface Ended {
  readonly outcome: WriteOutcome;
  readonly user_id: string | null;
  readonly error: RollcallError | null;
  /** The rows after it would fail in the same way. */
  readonly halts: boolean;
}

/** What came of sending a request once. */
interface Said {
  readonly status: number | null;
  readonly error: RollcallError | null;
  /** The answer was lost, or is none. */
  readonly doubtful: boolean;
  /** Of a creation: who was created. */
  readonly created: JsonObject | null;
}

function judged(work: WriteWork, step: WriteStep, answer: Answer, creates: boolean): Said {
  const { status } = answer;
  const created = creates ? (work.writes.created?.(answer) ?? null) : null;
  if (step.accepts(answer) && !(creates && created === null)) return { status, error: null, doubtful: false, created };
  const { name } = work.deps.settings;
  const words = `connection ${name}: ${step.request.endpoint} was answered ${status}, but not with the user as he was to become. Whether the write was applied is not known: look before repeating it.`;
  const facts = { connection: name, step: step.request.endpoint, status, inDoubt: true };
  return { status, error: new RollcallError('bad-data', words, facts), doubtful: true, created: null };
}

async function sendOnce(work: WriteWork, step: WriteStep, op: WriteOp, again: boolean): Promise<Said> {
  try {
    return judged(work, step, await work.io.send(step.request), op === 'create');
  } catch (failure) {
    if (isAbort(failure)) throw failure;
    const error = locate(failure, work.deps.settings.name, step.request.endpoint);
    const status = error.status ?? null;
    // Whom a second deletion does not find, the first one may have removed after all.
    const late = again && op === 'delete' && status === 404;
    return { status, error, doubtful: error.inDoubt || late, created: null };
  }
}

/** Trouble that is not of this user: no token, no server, or no more patience. */
function isGeneral(error: RollcallError): boolean {
  if (error.status === 429 || ['auth', 'rate-limited', 'config'].includes(error.kind)) return true;
  return error.kind === 'transient' && !error.inDoubt;
}

/** What is written of this row and step before anything is sent. */
function entryOf(work: WriteWork, plan: Planned, step: WriteStep): WriteEntry {
  const kept = keptChanges(work, plan);
  return {
    write_id: randomUUID(),
    key: plan.key,
    user_id: plan.row.user_id,
    op: plan.row.op,
    changes: step.fields.length === 0 ? kept : pick(kept, step.fields),
    before: plan.before,
    outcome: null,
    requested_at: work.now(),
    answered_at: null,
    actor: work.actor,
    response_status: null,
    error: null,
  };
}

/** How a request ended, and the status that it was answered with. */
interface Settled extends Ended {
  readonly status: number | null;
  /** It provably did not happen, and may be sent again. */
  readonly again: boolean;
}

/** Waits where the server asked for it, so that what is read then is what became of the write; false: longer than we wait. */
async function waited(work: WriteWork, { retryAfterMs }: RollcallError): Promise<boolean> {
  try {
    return retryAfterMs === undefined || (await waitAsAsked(work.io, retryAfterMs));
  } catch (error) {
    if (isAbort(error)) return false;
    throw error;
  }
}

/** What became of a request that was sent, by its answer or by reading the user. */
async function settled(work: WriteWork, plan: Planned, step: WriteStep, said: Said): Promise<Settled> {
  const { user_id } = plan.row;
  const { status, error, doubtful, created } = said;
  const facts = { user_id, halts: false, status, again: false };
  const who = created === null ? user_id : idIn(work, created);
  if (error === null) return { ...facts, outcome: 'applied', user_id: who, error };
  if (!doubtful) return { ...facts, outcome: 'failed', error, halts: isGeneral(error) };
  const again = await waited(work, error);
  const proof = await prove(work, plan, step, error);
  if (proof.says === 'happened') return { ...facts, outcome: 'applied', user_id: proof.user_id, error: null };
  if (proof.says === 'nothing') return { ...facts, outcome: 'unknown', error: proof.error, halts: proof.halts };
  return { ...facts, outcome: 'failed', error: proof.error, again, halts: !again };
}

/** Sends until the answer is known, by itself or by reading the user. */
async function settle(work: WriteWork, plan: Planned, step: WriteStep): Promise<Settled> {
  const { op } = plan.row;
  let ended = await settled(work, plan, step, await sendOnce(work, step, op, false));
  for (let sends = 1; ended.again && sends < SENDS && !work.io.signal.aborted; sends += 1) {
    try {
      await askAgain(work.io, sends - 1, 'a write that did not happen');
      ended = await settled(work, plan, step, await sendOnce(work, step, op, true));
    } catch (error) {
      // Asked to stop before it was sent again: what is known of the time before stands.
      if (isAbort(error)) return ended;
      throw error;
    }
  }
  return ended;
}

async function journaled(work: WriteWork, log: WriteLog, plan: Planned, step: WriteStep): Promise<Ended> {
  const entry = entryOf(work, plan, step);
  log.begin(entry);
  try {
    const ended = await settle(work, plan, step);
    const { outcome, user_id, status, error } = ended;
    const answered_at = work.now();
    const words = error === null ? null : keptText(work, plan, error.message);
    log.end(entry.write_id, { outcome, user_id, answered_at, response_status: status, error: words });
    return ended;
  } catch (error) {
    // A stop is heard only while nothing is under way: this write was not sent.
    if (isAbort(error)) log.drop(entry.write_id);
    throw error;
  }
}

/** The same settings with what their references to secrets stand for. */
function revealed(work: WriteWork, settings: readonly Setting[]): Setting[] {
  return settings.map((setting) => {
    const field = work.writes.fields.find(({ name }) => name === setting.field);
    return field?.kind === 'secret' ? { ...setting, value: work.secret(String(setting.value)) } : setting;
  });
}

/** The error of a request that others of the same user preceded, which cannot be taken back. */
function afterOthers(error: RollcallError, done: readonly string[]): RollcallError {
  if (done.length === 0) return error;
  const { kind, step, connection, status } = error;
  const facts = {
    step,
    ...(connection === undefined ? {} : { connection }),
    ...(status === undefined ? {} : { status }),
    cause: error.cause,
  };
  return new RollcallError(kind, `${error.message} Written before that: ${done.join(', ')}.`, facts);
}

/** How a row ended that a request to stop met between two of its requests. */
function halfDone(work: WriteWork, plan: Planned, step: WriteStep, done: readonly string[]): Ended {
  const { name } = work.deps.settings;
  const words = `connection ${name}: it was stopped before ${step.fields.join(', ')} could be written. Run it again.`;
  const error = new RollcallError('transient', words, { connection: name, step: step.request.endpoint });
  return { outcome: 'failed', user_id: plan.row.user_id, error: afterOthers(error, done), halts: false };
}

/** Writes one planned row: each of its requests is journaled before it is sent. Stops at the first that did not succeed. */
export async function sendRow(work: WriteWork, log: WriteLog, plan: Planned): Promise<Ended> {
  const target: Target = { ...targetOf(work, plan.row, plan.raw), settings: revealed(work, plan.row.settings) };
  const done: string[] = [];
  let last: Ended = { outcome: 'applied', user_id: plan.row.user_id, error: null, halts: false };
  for (const step of work.writes.steps(target, plan.changes)) {
    try {
      last = await journaled(work, log, plan, step);
    } catch (error) {
      if (!isAbort(error) || done.length === 0) throw error;
      return halfDone(work, plan, step, done);
    }
    if (last.error !== null) return { ...last, error: afterOthers(last.error, done) };
    done.push(...step.fields);
  }
  return last;
}
