import type { Dialect } from '../contract/dialect.ts';
import type { Statement } from '../contract/warehouse.ts';
import type { PlacedColumn } from './ddl.ts';
import { RECORD_COLUMNS, STATE, USERS } from './tables.ts';

/** Rows of a connection beyond one a user. */
export function countSurplus(d: Dialect, connection: string): Statement {
  return {
    sql: `select count(*) - count(distinct ${d.name('user_id')}) as ${d.name('surplus')} from ${d.table(USERS.name)} where ${d.name('connection')} = ?`,
    params: [connection],
  };
}

/**
 * Leaves each user of a connection one row, the one that was written last. Rows have no name of their own in every
 * warehouse, so that a copy of the row to keep is put beside them under a negative number, then they go, and the copy
 * takes its number back. To be run in one transaction.
 */
export function removeSurplus(d: Dialect, connection: string): Statement[] {
  const [table, seq, id] = [d.table(USERS.name), d.name('seq'), d.name('user_id')];
  const own = `${d.name('connection')} = ?`;
  const names = USERS.columns.map(({ name }) => d.name(name)).join(', ');
  const values = USERS.columns.map(({ name }) => (name === 'seq' ? `-1 - ${seq}` : d.name(name))).join(', ');
  const newest = `row_number() over (partition by ${id} order by ${seq} desc) as ${d.name('newest')}`;
  const several = `count(*) over (partition by ${id}) as ${d.name('several')}`;
  return [
    {
      sql:
        `insert into ${table} (${names}) select ${values} from (select u.*, ${newest}, ${several} from ${table} u where ${own}) v ` +
        `where ${d.name('newest')} = 1 and ${d.name('several')} > 1`,
      params: [connection],
    },
    {
      sql: `delete from ${table} where ${own} and ${seq} >= 0 and ${id} in (select ${id} from ${table} where ${own} and ${seq} < 0)`,
      params: [connection, connection],
    },
    { sql: `update ${table} set ${seq} = -1 - ${seq} where ${own} and ${seq} < 0`, params: [connection] },
  ];
}

/** Columns of `users` that are filled when a row is loaded again; the others come back from the log with the whole row. */
const LOADED: ReadonlySet<string> = new Set([...RECORD_COLUMNS.map(({ name }) => name), 'source', 'run_id']);

/**
 * What goes with columns that were made anew and are empty, for all connections: whoever has lost values is loaded again.
 * A fingerprint under no recipe is written again without a log row, and with another epoch each connection's ledger is
 * made anew from these rows. A row without its number or times is taken away, as the next run restores it from the log;
 * a state that lacks something is no state.
 */
export function refillColumns(d: Dialect, columns: readonly PlacedColumn[], epoch: string): Statement[] {
  const of = (table: string): string[] => columns.filter((c) => c.table === table).map(({ column }) => column);
  const [users, state] = [d.table(USERS.name), d.table(STATE.name)];
  const own = of(USERS.name);
  const found: Statement[] = [];
  if (own.some((column) => !LOADED.has(column))) found.push({ sql: `delete from ${users} where 1 = 1`, params: [] });
  else if (own.length > 0) {
    const content = d.after(d.name('fingerprint'), ':');
    found.push(
      { sql: `update ${users} set ${d.name('fingerprint')} = concat('0:', ${content}) where 1 = 1`, params: [] },
      { sql: `update ${state} set ${d.name('epoch')} = ? where 1 = 1`, params: [epoch] },
    );
  }
  if (of(STATE.name).length > 0) found.push({ sql: `delete from ${state} where 1 = 1`, params: [] });
  return found;
}
