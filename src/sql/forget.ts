import type { Dialect } from '../contract/dialect.ts';
import type { Statement } from '../contract/warehouse.ts';
import { TABLES, TEAMS } from './tables.ts';

/** Removes everything of a connection. */
export function forgetConnection(d: Dialect, connection: string): Statement[] {
  return TABLES.map((table) => ({
    sql: `delete from ${d.table(table.name)} where ${d.name('connection')} = ?`,
    params: [connection],
  }));
}

/** Removes one person: his row, history, quarantined records and writes. Teams name their members: they are listed anew. */
export function eraseUser(d: Dialect, connection: string, user_id: string): Statement[] {
  const own = TABLES.filter((table) => table.columns.some(({ name }) => name === 'user_id'));
  return [
    ...own.map((table) => ({
      sql: `delete from ${d.table(table.name)} where ${d.name('connection')} = ? and ${d.name('user_id')} = ?`,
      params: [connection, user_id],
    })),
    { sql: `delete from ${d.table(TEAMS.name)} where ${d.name('connection')} = ?`, params: [connection] },
  ];
}

/** Reads whether any table has something of this person. */
export function readTraces(d: Dialect, connection: string, user_id: string): Statement {
  const own = TABLES.filter((table) => table.columns.some(({ name }) => name === 'user_id'));
  const rows = own.map(
    (table) =>
      `select count(*) as n from ${d.table(table.name)} where ${d.name('connection')} = ? and ${d.name('user_id')} = ?`,
  );
  return {
    sql: `select sum(n) as ${d.name('traces')} from (${rows.join(' union all ')}) t`,
    params: own.flatMap(() => [connection, user_id]),
  };
}

/** Reads how many rows all tables have of a connection. */
export function readRows(d: Dialect, connection: string): Statement {
  const rows = TABLES.map(
    (table) => `select count(*) as n from ${d.table(table.name)} where ${d.name('connection')} = ?`,
  );
  return {
    sql: `select sum(n) as ${d.name('traces')} from (${rows.join(' union all ')}) t`,
    params: TABLES.map(() => connection),
  };
}

/** Unbinds a connection from its account, so that another account's credential may have it. */
export function unbindAccount(d: Dialect, connection: string): Statement {
  return {
    sql: `update ${d.table('rollcall_state')} set ${d.name('account')} = '' where ${d.name('connection')} = ?`,
    params: [connection],
  };
}
