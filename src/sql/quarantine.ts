import type { Dialect } from '../contract/dialect.ts';
import type { Statement } from '../contract/warehouse.ts';
import { REJECTED_RECORDS, USER_CHANGES } from './tables.ts';

/** The connection's quarantined records, those without `replayed_at` alone where `waiting` is set; newest first. */
export function readRejected(d: Dialect, connection: string, most: number, waiting: boolean): Statement {
  const columns = REJECTED_RECORDS.columns.map(({ name, type }) =>
    type === 'timestamp' ? `${d.instant(`r.${d.name(name)}`)} as ${d.name(name)}` : `r.${d.name(name)}`,
  );
  const still = waiting ? ` and r.${d.name('replayed_at')} is null` : '';
  return {
    sql:
      `select ${columns.join(', ')} from ${d.table(REJECTED_RECORDS.name)} r where r.${d.name('connection')} = ?${still} ` +
      `order by r.${d.name('rejected_at')} desc, r.${d.name('payload_hash')} desc limit ${most}`,
    params: [connection],
  };
}

/** When these users' rows last changed, by the log: a removal counts too. */
export function readLastChanges(d: Dialect, connection: string, user_ids: readonly string[]): Statement {
  const marks = user_ids.map(() => '?').join(', ');
  return {
    sql:
      `select ${d.name('user_id')}, ${d.instant(`max(${d.name('recorded_at')})`)} as ${d.name('recorded_at')} from ${d.table(USER_CHANGES.name)} ` +
      `where ${d.name('connection')} = ? and ${d.name('user_id')} in (${marks}) group by ${d.name('user_id')}`,
    params: [connection, ...user_ids],
  };
}
