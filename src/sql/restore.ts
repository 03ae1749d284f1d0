import type { Dialect } from '../contract/dialect.ts';
import type { Statement } from '../contract/warehouse.ts';
import { ledgerColumns } from './state.ts';
import { RECORD_COLUMNS, USER_CHANGES, USERS } from './tables.ts';

/**
 * Puts rows that `users` has lost back from the change log: each user's latest version, `first_seen_at` and tombstone
 * included. A removed user's last row holds the keys alone, without a fingerprint, and stays removed. Reads the
 * connection's whole history: for the case that the table was emptied or dropped, and no other. What was logged under
 * other column rules may hold what they leave out by now: of such a version the keys and times come back alone.
 */
export function restoreUsers(d: Dialect, connection: string, recipe: string): Statement {
  const rules = recipe.split('.').slice(2).join('.');
  const ruled = `${d.before(d.name('fingerprint'), ':')} like ?`;
  const said = new Set(RECORD_COLUMNS.map(({ name }) => name));
  const values = USERS.columns.map(({ name }) =>
    said.has(name) ? `case when ${ruled} then ${d.name(name)} end` : d.name(name),
  );
  const names = USERS.columns.map(({ name }) => d.name(name)).join(', ');
  const newest = `row_number() over (partition by ${d.name('user_id')} order by ${d.name('seq')} desc) as ${d.name('newest')}`;
  const log = `select l.*, ${newest} from ${d.table(USER_CHANGES.name)} l where ${d.name('connection')} = ?`;
  const lost = `not exists (select 1 from ${d.table(USERS.name)} u where u.${d.name('connection')} = ? and u.${d.name('user_id')} = v.${d.name('user_id')})`;
  return {
    sql:
      `insert into ${d.table(USERS.name)} (${names}) select ${values.join(', ')} from (${log}) v ` +
      `where ${d.name('newest')} = 1 and ${d.name('fingerprint')} is not null and ${lost}`,
    params: [...RECORD_COLUMNS.map(() => `%.${rules}`), connection, connection],
  };
}

/** The latest logged versions of users whose rows are lost, as a ledger needs them (see `readLedgerRows`). */
export function readLostRows(d: Dialect, connection: string): Statement {
  const newest = `row_number() over (partition by ${d.name('user_id')} order by ${d.name('seq')} desc) as ${d.name('newest')}`;
  const log = `select l.*, ${newest} from ${d.table(USER_CHANGES.name)} l where ${d.name('connection')} = ?`;
  const lost = `not exists (select 1 from ${d.table(USERS.name)} u where u.${d.name('connection')} = ? and u.${d.name('user_id')} = v.${d.name('user_id')})`;
  return {
    sql: `select ${ledgerColumns(d)} from (${log}) v where ${d.name('newest')} = 1 and ${d.name('fingerprint')} is not null and ${lost}`,
    params: [connection, connection],
  };
}
