import type { Dialect } from '../contract/dialect.ts';
import type { Statement } from '../contract/warehouse.ts';
import { RECORD_COLUMNS, USERS } from './tables.ts';

/** The record columns of chosen users as they are. */
export function readUsers(d: Dialect, connection: string, user_ids: readonly string[]): Statement {
  const columns = ['user_id', ...RECORD_COLUMNS.map(({ name }) => name)].map(d.name).join(', ');
  const marks = user_ids.map(() => '?').join(', ');
  return {
    sql: `select ${columns} from ${d.table(USERS.name)} where ${d.name('connection')} = ? and ${d.name('user_id')} in (${marks})`,
    params: [connection, ...user_ids],
  };
}
