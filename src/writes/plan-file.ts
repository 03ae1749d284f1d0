import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { Changes, FieldValue } from '../contract/writes.ts';
import { RollcallError } from '../errors.ts';
import { keptChanges } from './changes.ts';
import type { Planned } from './plan.ts';
import type { Row } from './row.ts';
import type { WriteWork } from './work.ts';

const setting = z.strictObject({
  field: z.string(),
  add: z.boolean(),
  value: z.union([z.string(), z.boolean(), z.array(z.string())]),
});

const shown = z.union([z.string(), z.boolean(), z.array(z.string()), z.null()]);

const savedRow = z.strictObject({
  op: z.enum(['create', 'update', 'delete']),
  user_id: z.string().nullable(),
  where: z.string(),
  set: z.array(setting),
  changes: z.record(z.string(), z.tuple([shown, shown])),
  was: z.record(z.string(), z.string()),
  holders: z.array(z.string()),
});

const plan = z.strictObject({
  rollcall_plan: z.literal(1),
  plan_id: z.string(),
  connection: z.string(),
  source: z.string(),
  account: z.string(),
  made_at: z.string(),
  rows: z.array(savedRow),
});

const newer = z.object({ rollcall_plan: z.number().gt(1) });

/** A value as a plan remembers it: enough to see that it became another one. */
export function digest(plan_id: string, field: string, value: FieldValue): string {
  const plain = typeof value === 'object' && value !== null ? [...value].sort() : value;
  return createHash('sha256')
    .update(JSON.stringify([plan_id, field, plain]))
    .digest('hex');
}

/** A row of a saved plan: what was asked for, and digests of what its fields were. */
export interface SavedRow {
  readonly row: Row;
  /** What the plan showed, as far as the column rules let it be kept. */
  readonly changes: Changes;
  /** Digest of the old value of each field that the plan changes. */
  readonly was: Readonly<Record<string, string>>;
  /** Of a creation: users who had the address when the plan was made. */
  readonly holders: readonly string[];
}

/** A plan as it is read from its file. */
export interface SavedPlan {
  readonly plan_id: string;
  readonly account: string;
  readonly rows: readonly SavedRow[];
}

function unusable(path: string, why: string, cause?: unknown): RollcallError {
  return new RollcallError('config', `${path} ${why}`, { step: 'read the plan', cause });
}

function parsed(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw unusable(path, 'is not a plan: it is no JSON', error);
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw unusable(path, code === 'ENOENT' ? 'is not there; write it with --plan' : `cannot be read (${code})`, error);
  }
}

function isPlan(path: string): boolean {
  try {
    return plan.safeParse(parsed(path)).success;
  } catch (error) {
    if (error instanceof RollcallError) return false;
    throw error;
  }
}

/** Throws when a plan may not be written there: a file that is something else is never overwritten. */
export function checkPlanPath(path: string): void {
  if (existsSync(path) && !isPlan(path)) throw unusable(path, 'is there and is no plan; name another file for --plan');
}

/**
 * Writes a plan, readable by its owner alone. It holds what was asked for, and what the column rules leave of what it
 * would change; old values stand in it as digests besides, so that a change of them is seen.
 */
export function savePlan(work: WriteWork, path: string, account: string, plans: readonly Planned[]): void {
  const { name, source } = work.deps.settings;
  const plan_id = randomUUID();
  const rows = plans
    .filter(({ outcome }) => outcome === 'planned')
    .map(({ row, raw, changes, before }) => ({
      op: row.op,
      user_id: row.user_id,
      where: row.where,
      set: row.settings,
      changes: keptChanges(work, { row, raw, changes }),
      was: Object.fromEntries(
        Object.entries(changes).map(([field, [old]]) => [field, digest(plan_id, field, old)] as const),
      ),
      holders: before,
    }));
  const content = {
    rollcall_plan: 1,
    plan_id,
    connection: name,
    source: source.name,
    account,
    made_at: work.now(),
    rows,
  };
  try {
    const unfinished = `${path}.${process.pid}.tmp`;
    writeFileSync(unfinished, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
    renameSync(unfinished, path);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new RollcallError('config', `cannot write the plan ${path}: ${words}`, {
      step: 'save the plan',
      cause: error,
    });
  }
}

/** Reads a plan. Throws when it is none, or one of another connection. */
export function loadPlan(path: string, connection: string, source: string): SavedPlan {
  const read = parsed(path);
  if (newer.safeParse(read).success)
    throw unusable(path, 'was written by a newer Rollcall; apply it with that one, or make it again with --plan');
  const checked = plan.safeParse(read);
  if (!checked.success) throw unusable(path, 'is not a plan that this Rollcall wrote; make it again with --plan');
  const saved = checked.data;
  if (saved.connection !== connection || saved.source !== source)
    throw unusable(path, `is a plan for ${saved.connection} (${saved.source}), not for ${connection}`);
  return {
    plan_id: saved.plan_id,
    account: saved.account,
    rows: saved.rows.map(({ op, user_id, where, set, changes, was, holders }) => ({
      row: { op, user_id, where, settings: set, problem: null },
      changes,
      was,
      holders,
    })),
  };
}
