import type { Dialect } from '../contract/dialect.ts';
import type { Statement } from '../contract/warehouse.ts';
import { REJECTED_RECORDS, SYNC_RUNS } from './tables.ts';

/** What is too old in a table: how to count it (column `old`) and how to remove it. */
export interface Retiring {
  readonly table: string;
  readonly count: Statement;
  readonly remove: Statement;
}

/** Rows of these connections whose time is before `before` (RFC 3339), of a table that only people look back on. */
function retire(
  d: Dialect,
  place: { table: string; time: string },
  connections: readonly string[],
  before: string,
): Retiring {
  const marks = connections.map(() => '?').join(', ');
  const rest = `from ${d.table(place.table)} where ${d.name('connection')} in (${marks}) and ${d.name(place.time)} < ${d.tryCast('?', 'timestamp')}`;
  const params = [...connections, before];
  return {
    table: place.table,
    count: { sql: `select count(*) as ${d.name('old')} ${rest}`, params },
    remove: { sql: `delete ${rest}`, params },
  };
}

/** Old runs. */
export const retireRuns = (d: Dialect, connections: readonly string[], before: string): Retiring =>
  retire(d, { table: SYNC_RUNS.name, time: 'started_at' }, connections, before);

/** Old rejected records. */
export const retireRejected = (d: Dialect, connections: readonly string[], before: string): Retiring =>
  retire(d, { table: REJECTED_RECORDS.name, time: 'rejected_at' }, connections, before);
