import type { RunError } from '../contract/run.ts';
import type { Changes, WriteLog, WriteOp, WriteOutcome } from '../contract/writes.ts';
import { isAbort, locate, type RollcallError } from '../errors.ts';
import type { Planned } from './plan.ts';
import { type Ended, sendRow } from './send.ts';
import type { WriteWork } from './work.ts';

/** How a row ended, or what it would do. */
export type RowOutcome = Planned['outcome'] | WriteOutcome;

/** One user of a plan or an apply, as `--json` prints him. */
export interface RowResult {
  readonly connection: string;
  readonly user_id: string | null;
  readonly op: WriteOp;
  readonly changes: Changes;
  readonly outcome: RowOutcome;
  readonly error?: RunError;
}

/** A result with what only a person is shown. */
export interface Told {
  readonly result: RowResult;
  readonly label: string | null;
}

const asError = ({ kind, step, message, retryable }: RollcallError): RunError => ({ kind, step, message, retryable });

/** A planned row as a result. */
export function toldPlan(connection: string, plan: Planned): Told {
  const { row, user_id, changes, outcome, error, label } = plan;
  const result = { connection, user_id, op: row.op, changes, outcome, ...(error === null ? {} : { error }) };
  return { result, label };
}

function toldEnd(connection: string, plan: Planned, ended: Ended): Told {
  const { outcome, user_id, error } = ended;
  const { row, changes, label } = plan;
  const result = { connection, user_id, op: row.op, changes, outcome };
  return { result: error === null ? result : { ...result, error: asError(error) }, label };
}

/** What was read of a user longer ago than this is read again before he is written to, in ms. */
const FRESH = 30_000;

/** How an apply is watched and followed up. */
export interface Applying {
  /** Plans a row again, just before it is written. */
  readonly replan: (plan: Planned) => Promise<Planned>;
  tell(told: Told): void;
  /** A row was sent: the tables may follow. Does not throw. */
  sent(): Promise<void>;
}

async function applyOne(work: WriteWork, log: WriteLog, plan: Planned, how: Applying): Promise<Ended | null> {
  const { name } = work.deps.settings;
  const now = Date.now() - plan.read_at < FRESH ? plan : await how.replan(plan);
  if (now.outcome !== 'planned') {
    how.tell(toldPlan(name, now));
    return null;
  }
  const ended = await sendRow(work, log, now);
  const { outcome, user_id } = ended;
  work.deps.observer.note('user written', { connection: name, user_id: user_id ?? '', op: plan.row.op, outcome });
  how.tell(toldEnd(name, now, ended));
  await how.sent();
  return ended;
}

/** Trouble that keeps the rest from being written; null when every row had its turn, or it was asked to stop. */
export async function applyRows(
  work: WriteWork,
  log: WriteLog,
  plans: readonly Planned[],
  how: Applying,
): Promise<RollcallError | null> {
  const { name } = work.deps.settings;
  let trouble: RollcallError | null = null;
  for (const plan of plans) {
    if (plan.outcome !== 'planned' || trouble !== null || work.deps.signal.aborted) {
      how.tell(toldPlan(name, plan));
      continue;
    }
    try {
      const ended = await applyOne(work, log, plan, how);
      if (ended?.halts === true) trouble = ended.error;
    } catch (error) {
      how.tell(toldPlan(name, plan));
      if (!isAbort(error)) trouble = locate(error, name, 'write to the source');
    }
  }
  return trouble;
}
