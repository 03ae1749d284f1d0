import type { JsonObject } from '../contract/json.ts';
import { BadRecord } from '../errors.ts';
import { idOf } from '../sources/record.ts';
import { readInactive } from '../sql/state.ts';
import { type DiffRules, diffPage } from './diff.ts';
import type { Following } from './following.ts';

/** Users whose accounts the warehouse has as off: a lookup does not say, and the next scan tells. */
async function inactive(f: Following, user_ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { deps } = f;
  if (!deps.settings.source.impliesActive) return new Set();
  const session = await deps.open('read');
  if (session === null) return new Set();
  try {
    const rows = await Array.fromAsync(
      session.read(readInactive(deps.warehouse.dialect, deps.settings.name, user_ids)),
    );
    return new Set(rows.map((row) => String(row.user_id)));
  } finally {
    await session.close();
  }
}

/** An id, or "" for a record that the diff will quarantine for having none. */
export function idOrNone(user: JsonObject, path: string): string {
  try {
    return idOf(user, path);
  } catch (error) {
    if (error instanceof BadRecord) return '';
    throw error;
  }
}

/** Compares records that were looked up with the ledger and puts what differs into the open batch. */
export async function recordFound(f: Following, rules: DiffRules, found: readonly JsonObject[]): Promise<void> {
  const ids = found.map((user) => idOrNone(user, rules.source.id));
  const off = await inactive(f, ids);
  for (const isOff of [false, true]) {
    const records = found.filter((_, i) => off.has(ids[i] ?? '') === isOff);
    if (records.length === 0) continue;
    const active = rules.source.impliesActive ? !isOff : null;
    const diff = await diffPage(f.journal, rules, { records, page: 0, active, unlessSeen: false, lookup: true });
    await f.journal.step({ ...diff, place: null });
    f.counts.rejected += diff.bad;
  }
}
