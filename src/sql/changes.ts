import type { Dialect } from '../contract/dialect.ts';
import type { Statement } from '../contract/warehouse.ts';
import { RECORD_COLUMNS, USER_CHANGES } from './tables.ts';

/** Columns whose old and new values are shown; of `raw`, which is logged where no other shows the change, the parts. */
export const SHOWN_COLUMNS: readonly string[] = RECORD_COLUMNS.map(({ name }) => name);

/** Log rows since a time, newest first, each with the values before it (`old_…`). All connections where none is named. */
export function readChanges(d: Dialect, since: string, connection: string | null): Statement {
  const over = `over (partition by ${d.name('connection')}, ${d.name('user_id')} order by ${d.name('seq')})`;
  const old = SHOWN_COLUMNS.map((name) => `lag(${d.name(name)}) ${over} as ${d.name(`old_${name}`)}`);
  const where = connection === null ? '' : ` where ${d.name('connection')} = ?`;
  const log = `select l.*, ${old.join(', ')} from ${d.table(USER_CHANGES.name)} l${where}`;
  const keys = ['connection', 'user_id', 'op', 'recorded_at', 'changed_fields', 'run_id', 'seq'];
  const names = [...keys, ...SHOWN_COLUMNS, ...SHOWN_COLUMNS.map((name) => `old_${name}`)].map(d.name).join(', ');
  return {
    sql:
      `select ${names} from (${log}) v where ${d.name('recorded_at')} >= ${d.tryCast('?', 'timestamp')} ` +
      `order by ${d.name('recorded_at')} desc, ${d.name('connection')}, ${d.name('user_id')}`,
    params: [...(connection === null ? [] : [connection]), since],
  };
}
