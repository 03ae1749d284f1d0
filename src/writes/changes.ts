import { isObject, type JsonObject } from '../contract/json.ts';
import type { UserRecord } from '../contract/user.ts';
import type { Changes, FieldValue, Target } from '../contract/writes.ts';
import { BadRecord } from '../errors.ts';
import { redactor } from '../http/redact.ts';
import { HIDDEN, same, type WriteWork } from './work.ts';

/** The mapped user; null where the record cannot be a row. */
function mapped(work: WriteWork, raw: JsonObject): UserRecord | null {
  try {
    return work.deps.settings.source.user(raw, work.refs, null);
  } catch (error) {
    if (error instanceof BadRecord) return null;
    throw error;
  }
}

/** Who a user is, for a person who reads a plan. */
export function labelOf(work: WriteWork, raw: JsonObject): string | null {
  const user = mapped(work, raw);
  return user?.name ?? user?.email ?? null;
}

/** What goes with a user who is deleted, as far as it says who he was. */
function lost(work: WriteWork, raw: JsonObject): Changes {
  const user = mapped(work, raw);
  const named = [['email', user?.email] as const, ['name', user?.name] as const];
  return Object.fromEntries(
    named.flatMap(([field, value]) => (value == null ? [] : [[field, [value, null] as const]])),
  );
}

/** What a row changes of the user as he was read; fields that are as they shall be are left out. Throws BadRecord. */
export function changesOf(work: WriteWork, target: Target): Changes {
  if (target.op === 'delete') return lost(work, target.raw ?? {});
  const problems: string[] = [];
  const changes = target.settings.flatMap((setting): [string, readonly [FieldValue, FieldValue]][] => {
    const field = work.writes.fields.find(({ name }) => name === setting.field);
    // What a secret was nobody can read: setting one is always a change.
    if (field?.kind === 'secret') return [[setting.field, [null, HIDDEN]]];
    try {
      const [before, after] = work.writes.change(setting, target);
      return target.op === 'update' && same(before, after) ? [] : [[setting.field, [before, after]]];
    } catch (error) {
      if (!(error instanceof BadRecord)) throw error;
      problems.push(error.message);
      return [];
    }
  });
  if (problems.length > 0) throw new BadRecord(problems.join('; '));
  return Object.fromEntries(changes);
}

function copy(value: FieldValue): string | boolean | string[] | null {
  return typeof value === 'object' && value !== null ? [...value] : value;
}

/** A value as the column rules leave it: hashed, or null where it is never stored. */
function ruled(work: WriteWork, field: string, value: FieldValue): FieldValue {
  const path = work.writes.fields.find(({ name }) => name === field)?.path ?? field;
  const record = work.rules<JsonObject>({ [path]: copy(value) });
  const left = record[path];
  if (typeof left === 'string' || typeof left === 'boolean') return left;
  return Array.isArray(left) ? left.map(String) : null;
}

/** What is written of one user, as far as it is kept. */
interface Kept {
  readonly row: { readonly op: Target['op'] };
  readonly raw: JsonObject | null;
  readonly changes: Changes;
}

/** The same changes as they may be kept: in the journal, in `user_writes` and in a saved plan. */
export function keptChanges(work: WriteWork, { row, raw, changes }: Kept): Changes {
  // Who was deleted is told in columns, which may be made of several fields: the rules apply to those.
  const ruledRaw = row.op === 'delete' ? lost(work, work.rules(raw ?? {})) : null;
  return Object.fromEntries(
    Object.entries(changes).map(([field, [before, after]]) => [
      field,
      ruledRaw === null
        ? ([ruled(work, field, before), ruled(work, field, after)] as const)
        : (ruledRaw[field] ?? ([null, null] as const)),
    ]),
  );
}

/** A text about a write as it may be kept: a server's words may quote what the column rules hide. */
export function keptText(work: WriteWork, plan: Kept, text: string): string {
  const kept = keptChanges(work, plan);
  const hidden = Object.entries(plan.changes).flatMap(([field, values]) =>
    values.flatMap((value, i) => (same(value, kept[field]?.[i] ?? null) ? [] : spellings(value))),
  );
  return redactor(hidden)(text);
}

/** The texts of a value, also as addresses are compared. */
function spellings(value: FieldValue): string[] {
  const texts = typeof value === 'object' && value !== null ? value : [String(value ?? '')];
  return texts.flatMap((one) => [one, one.trim(), one.trim().toLowerCase()]);
}

/** Some fields of the changes. */
export function pick(changes: Changes, fields: readonly string[]): Changes {
  return Object.fromEntries(Object.entries(changes).filter(([field]) => fields.includes(field)));
}

/** The user's id in a record; "" where it has none. */
export function idIn(work: WriteWork, raw: JsonObject): string {
  const id = raw[work.deps.settings.source.id];
  return isObject(id) || id === undefined || id === null ? '' : String(id);
}
