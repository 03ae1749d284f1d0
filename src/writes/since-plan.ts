import type { FieldValue } from '../contract/writes.ts';
import { keptChanges } from './changes.ts';
import { type Planned, refused } from './plan.ts';
import { digest, type SavedPlan, type SavedRow } from './plan-file.ts';
import { same, type WriteWork } from './work.ts';

const oldOf = (now: Planned, field: string): FieldValue => now.changes[field]?.[0] ?? null;

/** Fields that are neither as they were when the plan was made, nor as they shall be. */
function moved(plan_id: string, saved: SavedRow, now: Planned): string[] {
  // Of a deletion every field counts that said who the user is; of an update a field that is as it shall be does not.
  const fields = saved.row.op === 'delete' ? Object.keys({ ...saved.was, ...now.changes }) : Object.keys(now.changes);
  return fields.filter((field) => digest(plan_id, field, oldOf(now, field)) !== saved.was[field]);
}

/** Fields that would become something else than the plan shows: it was edited, or a name means something else now. */
function others(work: WriteWork, saved: SavedRow, now: Planned): string[] {
  const kept = keptChanges(work, now);
  return Object.keys(kept).filter((field) => !same(kept[field]?.[1] ?? null, saved.changes[field]?.[1] ?? null));
}

/** A row of a saved plan, planned again: refused where the user changed since, for then nobody agreed to what it would do. */
export function heldAgainst(work: WriteWork, { plan_id }: SavedPlan, saved: SavedRow, now: Planned): Planned {
  if (now.outcome !== 'planned') return now;
  const fresh = now.before.filter((id) => !saved.holders.includes(id));
  const facts = { changes: now.changes, label: now.label };
  if (fresh.length > 0)
    return refused(saved.row, `changed since the plan was made: user ${fresh.join(', ')} has this address now`, facts);
  const fields = moved(plan_id, saved, now);
  const different = fields.length === 0 ? others(work, saved, now) : [];
  if (different.length > 0) {
    const shows = `it would do something else than the plan shows: ${different.join(', ')}; make a new plan for this user`;
    return refused(saved.row, shows, facts);
  }
  if (fields.length === 0) return now;
  const words = `changed since the plan was made: ${fields.join(', ')}; make a new plan for this user`;
  return refused(saved.row, words, facts);
}
