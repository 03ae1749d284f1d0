import type { Dialect } from '../contract/dialect.ts';
import type { LedgerFacts } from '../contract/journal.ts';
import type { Session, StateRow, TableIdentity } from '../contract/warehouse.ts';
import { readState, stateRowOf } from '../sql/state.ts';
import { sameTables } from './losses.ts';

/** The connection's row of `rollcall_state`: with the identity where that is free, else read. */
export async function stateOf(
  d: Dialect,
  connection: string,
  session: Pick<Session, 'read'>,
  identity: TableIdentity,
): Promise<StateRow | null> {
  if (identity.state !== undefined) return identity.state;
  const [row] = await Array.fromAsync(session.read(readState(d, connection)));
  return row === undefined ? null : stateRowOf(row);
}

/**
 * What the ledger takes the state row for where reading it costs: while the tables are those of the last look it is what
 * this ledger wrote, or the next fence says otherwise. Null where that is not enough: there was no look yet, the tables
 * are others, or a batch waits of which only the state row says whether it was applied.
 */
export function believedState(facts: LedgerFacts, sealed: boolean, identity: TableIdentity): StateRow | null {
  const { epoch, seq, batch_id, recipe, account, tables } = facts;
  if (identity.state !== undefined || epoch === null || sealed) return null;
  if (tables === null || !sameTables(tables, identity)) return null;
  return { epoch, seq, batch_id, recipe: recipe ?? '', account: account ?? '', updated_at: '' };
}
