import type { Dialect } from '../contract/dialect.ts';
import type { Param, Statement } from '../contract/warehouse.ts';
import type { WriteEntry } from '../contract/writes.ts';
import { USER_WRITES } from './tables.ts';

function values(entry: WriteEntry, connection: string): Record<string, Param> {
  const { write_id, user_id, op, outcome, requested_at, answered_at, actor, response_status, error } = entry;
  return {
    write_id,
    connection,
    user_id,
    op,
    changes: JSON.stringify(entry.changes),
    outcome,
    requested_at,
    answered_at,
    actor,
    response_status: response_status === null ? null : String(response_status),
    error,
  };
}

/** Replaces the rows of these writes, so that sending them again, or with an outcome learned later, is harmless. */
export function writeWrites(d: Dialect, connection: string, entries: readonly WriteEntry[]): Statement[] {
  const table = d.table(USER_WRITES.name);
  const names = USER_WRITES.columns.map(({ name }) => d.name(name)).join(', ');
  const bound = USER_WRITES.columns.map(({ type }) => (type === 'text' ? '?' : d.tryCast('?', type))).join(', ');
  const rows = entries.map((entry) => values(entry, connection));
  return [
    {
      sql: `delete from ${table} where ${d.name('connection')} = ? and ${d.name('write_id')} in (${entries.map(() => '?').join(', ')})`,
      params: [connection, ...entries.map((entry) => entry.write_id)],
    },
    {
      sql: `insert into ${table} (${names}) ${rows.map(() => `select ${bound}`).join(' union all ')}`,
      params: rows.flatMap((row) => USER_WRITES.columns.map(({ name }) => row[name] ?? null)),
    },
  ];
}
