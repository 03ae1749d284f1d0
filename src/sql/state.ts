import type { Dialect } from '../contract/dialect.ts';
import type { Row, Script, Statement, StateRow } from '../contract/warehouse.ts';
import { STATE, USERS } from './tables.ts';

/** The connection's row of `rollcall_state`. */
export function readState(d: Dialect, connection: string): Statement {
  const columns = ['epoch', 'seq', 'batch_id', 'recipe', 'account'].map(d.name).join(', ');
  const updated = `${d.instant(d.name('updated_at'))} as ${d.name('updated_at')}`;
  return {
    sql: `select ${columns}, ${updated} from ${d.table(STATE.name)} where ${d.name('connection')} = ?`,
    params: [connection],
  };
}

/** A row of `rollcall_state` as it was read. */
export function stateRowOf(row: Row): StateRow {
  const text = (key: string): string => String(row[key] ?? '');
  return {
    epoch: text('epoch'),
    seq: Number(row.seq),
    batch_id: text('batch_id'),
    recipe: text('recipe'),
    account: text('account'),
    updated_at: text('updated_at'),
  };
}

/** Who takes the connection over, and from whom (null: nobody had it). */
export interface Claim {
  readonly connection: string;
  readonly epoch: string;
  readonly recipe: string;
  readonly account: string;
  readonly at: string;
  readonly from: StateRow | null;
  /** Number of the last batch in the rows that are there, when nobody had it. */
  readonly seq: number;
}

/**
 * Makes an epoch the connection's: from then on a writer of another epoch passes no fence. The row must still be as
 * it was read (or still be missing), so that of two who claim at once one is turned away.
 */
export function claim(d: Dialect, claimed: Claim): Script {
  const { connection, epoch, recipe, account, at, from, seq } = claimed;
  const table = d.table(STATE.name);
  const when = d.tryCast('?', 'timestamp');
  const id = `claim-${connection}-${epoch}`;
  if (from === null) {
    const values = ['?', '?', String(seq), "''", '?', '?', when];
    const row = STATE.columns.map(({ name }, i) => `${values[i]} as ${d.name(name)}`).join(', ');
    const names = STATE.columns.map(({ name }) => d.name(name)).join(', ');
    const missing = `where not exists (select 1 from ${table} t where t.${d.name('connection')} = ?)`;
    return {
      id,
      fence: {
        sql: `insert into ${table} (${names}) select ${names} from (select ${row}) v ${missing}`,
        params: [connection, epoch, recipe, account, at, connection],
      },
      steps: [],
    };
  }
  return {
    id,
    fence: {
      sql:
        `update ${table} set ${d.name('epoch')} = ?, ${d.name('account')} = ?, ${d.name('updated_at')} = ${when} where ${d.name('connection')} = ? ` +
        `and ${d.name('epoch')} = ? and ${d.name('seq')} = ?`,
      params: [epoch, account === '' ? from.account : account, at, connection, from.epoch, from.seq],
    },
    steps: [],
  };
}

/** How many have the connection; more than one where two claimed it from nobody at the same instant. */
export function countOwners(d: Dialect, connection: string): Statement {
  return {
    sql: `select count(*) as ${d.name('owners')} from ${d.table(STATE.name)} where ${d.name('connection')} = ?`,
    params: [connection],
  };
}

/** Takes a claim back. */
export function dropClaim(d: Dialect, connection: string, epoch: string): Statement {
  return {
    sql: `delete from ${d.table(STATE.name)} where ${d.name('connection')} = ? and ${d.name('epoch')} = ?`,
    params: [connection, epoch],
  };
}

/** What a ledger needs of a row; `key` is "=" and the user's id. */
export function ledgerColumns(d: Dialect): string {
  const deleted = `case when ${d.name('deleted_at')} is null then 0 else 1 end as ${d.name('gone')}`;
  const off = `case when ${d.name('active')} then 0 when ${d.name('active')} is null then 0 else 1 end as ${d.name('off')}`;
  // A client that decodes text may drop a byte order mark at its beginning; behind another character it stays.
  const key = `concat('=', ${d.name('user_id')}) as ${d.name('key')}`;
  return `${key}, ${['fingerprint', 'seq'].map(d.name).join(', ')}, ${deleted}, ${off}`;
}

/** The connection's rows as a ledger needs them, tombstones included. */
export function readLedgerRows(d: Dialect, connection: string): Statement {
  return {
    sql:
      `select ${ledgerColumns(d)} from ${d.table(USERS.name)} ` +
      `where ${d.name('connection')} = ? order by ${d.name('seq')}, ${d.name('user_id')}`,
    params: [connection],
  };
}

/** Rows of the connection, for reconciliation and for a rebuild that must have read them all; and their last batch. */
export function countRows(d: Dialect, connection: string): Statement {
  const live = `count(case when ${d.name('deleted_at')} is null then 1 end) as ${d.name('live')}`;
  const last = `max(${d.name('seq')}) as ${d.name('seq')}`;
  return {
    sql: `select count(*) as ${d.name('total')}, ${live}, ${last} from ${d.table(USERS.name)} where ${d.name('connection')} = ?`,
    params: [connection],
  };
}

/** The connection's last batch and time in the change log: for a state row that was lost. */
export function readLastLogged(d: Dialect, connection: string): Statement {
  const last = `max(${d.name('seq')}) as ${d.name('seq')}`;
  const at = `${d.instant(`max(${d.name('recorded_at')})`)} as ${d.name('recorded_at')}`;
  return {
    sql: `select ${last}, ${at} from ${d.table('user_changes')} where ${d.name('connection')} = ?`,
    params: [connection],
  };
}

/** Which of these users' accounts are off, as the warehouse has them. */
export function readInactive(d: Dialect, connection: string, user_ids: readonly string[]): Statement {
  const marks = user_ids.map(() => '?').join(', ');
  return {
    sql:
      `select ${d.name('user_id')} from ${d.table(USERS.name)} where ${d.name('connection')} = ? ` +
      `and ${d.name('active')} = false and ${d.name('user_id')} in (${marks})`,
    params: [connection, ...user_ids],
  };
}
