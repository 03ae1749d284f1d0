import type { FieldValue } from '../contract/writes.ts';
import { type Planned, refused } from './plan.ts';
import { digest, type SavedPlan, type SavedRow } from './plan-file.ts';

const oldOf = (now: Planned, field: string): FieldValue => now.changes[field]?.[0] ?? null;

/** Fields that are neither as they were when the plan was made, nor as they shall be. */
function moved(plan_id: string, saved: SavedRow, now: Planned): string[] {
  // Of a deletion every field counts that said who the user is; of an update a field that is as it shall be does not.
  const fields = saved.row.op === 'delete' ? Object.keys({ ...saved.was, ...now.changes }) : Object.keys(now.changes);
  return fields.filter((field) => digest(plan_id, field, oldOf(now, field)) !== saved.was[field]);
}

/** A row of a saved plan, planned again: refused where the user changed since, for then nobody agreed to what it would do. */
export function heldAgainst({ plan_id }: SavedPlan, saved: SavedRow, now: Planned): Planned {
  if (now.outcome !== 'planned') return now;
  const fresh = now.before.filter((id) => !saved.holders.includes(id));
  const facts = { changes: now.changes, label: now.label };
  if (fresh.length > 0)
    return refused(saved.row, `changed since the plan was made: user ${fresh.join(', ')} has this address now`, facts);
  const fields = moved(plan_id, saved, now);
  if (fields.length === 0) return now;
  const words = `changed since the plan was made: ${fields.join(', ')}; make a new plan for this user`;
  return refused(saved.row, words, facts);
}
