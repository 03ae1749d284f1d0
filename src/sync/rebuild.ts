import { randomBytes } from 'node:crypto';
import type { Journal } from '../contract/journal.ts';
import type { Counts } from '../contract/run.ts';
import type { Row, Session, Statement, StateRow } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import { countSurplus, removeSurplus } from '../sql/repair.ts';
import { readLostRows, restoreUsers } from '../sql/restore.ts';
import { countRows, readLastLogged, readLedgerRows } from '../sql/state.ts';
import { takeOver } from './claim.ts';
import type { Deps } from './settings.ts';

/** What is settled before a scan begins. */
export interface Recovery {
  readonly deps: Deps;
  journal: Journal;
  /** The state row was not read: metadata alone spoke for the ledger. */
  believed?: boolean;
  readonly recipe: string;
  readonly account: string;
  readonly counts: Counts;
  /** What the run's report is to say of what was found. */
  readonly warnings: string[];
  /** Writes the run as it is into the ledger: a killed process leaves what it did. */
  record(journal: Journal): void;
}

/** A new life of a ledger. */
export const mintEpoch = (): string => randomBytes(8).toString('hex');

/** Opens the warehouse for a piece of work. */
export async function withSession<T>(
  r: Recovery,
  access: 'read' | 'write',
  work: (session: Session | null) => Promise<T>,
): Promise<T> {
  const session = await r.deps.open(access);
  try {
    return await work(session);
  } finally {
    await session?.close();
  }
}

/** How many rows of the connection there are, and the number of their last batch. */
interface Rows {
  readonly total: number;
  readonly seq: number;
}

/** Counts the connection's rows; there are none where there is no warehouse yet. */
export async function rowsOf(r: Recovery, session: Pick<Session, 'read'> | null): Promise<Rows> {
  if (session === null) return { total: 0, seq: 0 };
  const query = countRows(r.deps.warehouse.dialect, r.deps.settings.name);
  const [found] = await Array.fromAsync(session.read(query));
  // A count has a row, whatever there is to count: without it a full table would be taken for an empty one.
  if (found === undefined) {
    const { name } = r.deps.settings;
    const message = `${name}: the warehouse did not say how many rows there are; run again`;
    throw new RollcallError('transient', message, { connection: name, step: 'count rows' });
  }
  return { total: Number(found.total), seq: Number(found.seq ?? 0) };
}

function halfRead(connection: string, read: number, total: number): RollcallError {
  return new RollcallError('transient', `${connection}: read ${read} of the ${total} rows of users; run again`, {
    connection,
    step: 'rebuild the ledger',
  });
}

/** Accounts that are off are kept as inactive, and asked for again, only where a lookup can tell what a listing does not. */
function asksForInactive({ deps }: Recovery): boolean {
  return deps.settings.source.impliesActive && deps.settings.deletes.proof === 'lookup';
}

/** What a lost state row said, as far as the rows and their log tell. */
async function lastLogged(r: Recovery, session: Session): Promise<Refilled> {
  const { name } = r.deps.settings;
  const [logged] = await Array.fromAsync(session.read(readLastLogged(r.deps.warehouse.dialect, name)));
  const { seq } = await rowsOf(r, session);
  const updated_at = String(logged?.recorded_at ?? '');
  return { seq: Math.max(seq, Number(logged?.seq ?? 0)), batch_id: '', account: r.account, updated_at };
}

/** What a new ledger goes on from. */
type Refilled = Pick<StateRow, 'seq' | 'batch_id' | 'account' | 'updated_at'>;

/** How a new ledger begins; with `lost` as if the rows that only the log has were back. */
interface Beginning {
  readonly state: Refilled | null;
  readonly epoch: string;
  readonly lost?: boolean;
}

/** Fills a new ledger from the warehouse's own rows, all of them; from none where there is no warehouse yet. */
export async function refill(
  r: Recovery,
  session: Pick<Session, 'read'> | null,
  { state, epoch, lost = false }: Beginning,
): Promise<void> {
  const { settings, warehouse, ledger } = r.deps;
  const { total, seq } = await rowsOf(r, session);
  let read = 0;
  const shaped = (row: Row): Row => ({
    ...row,
    user_id: String(row.key).slice(1),
    off: asksForInactive(r) ? row.off : 0,
  });
  const counted = async function* () {
    for await (const row of session?.read(readLedgerRows(warehouse.dialect, settings.name)) ?? []) {
      read += 1;
      yield shaped(row);
    }
    // A ledger of half the rows would take the other half for new: better none.
    if (read !== total) throw halfRead(settings.name, read, total);
    if (!lost || session === null) return;
    for await (const row of session.read(readLostRows(warehouse.dialect, settings.name))) yield shaped(row);
  };
  r.journal.close();
  try {
    r.journal = await ledger.rebuild(counted(), {
      epoch,
      seq: state?.seq ?? seq,
      batch_id: state?.batch_id ?? '',
      account: state?.account ?? r.account,
      after: state?.updated_at ?? '',
    });
  } catch (error) {
    r.journal = (await ledger.open()).journal;
    throw error;
  }
}

/** Rows beyond one a user are nobody's: what removes them, and a word about it. */
async function surplus(r: Recovery, session: Session): Promise<Statement[]> {
  const { settings, warehouse } = r.deps;
  const [found] = await Array.fromAsync(session.read(countSurplus(warehouse.dialect, settings.name)));
  const rows = Number(found?.surplus ?? 0);
  if (rows === 0) return [];
  r.warnings.push(
    `users had ${rows} row${rows === 1 ? '' : 's'} of users who have one already; the newest of each user stays`,
  );
  return removeSurplus(warehouse.dialect, settings.name);
}

/** A new ledger under a new epoch. Rows that the table has lost come back from the change log first. */
export async function rebuild(r: Recovery, state: StateRow | null, why: Mismatch): Promise<void> {
  const { settings, observer, warehouse } = r.deps;
  observer.warn(`${settings.name}: rebuilding the ledger from the warehouse: ${why.reason}`);
  await withSession(r, 'write', async (session) => {
    if (session === null) throw new Error('a warehouse opened for writing is never absent');
    if (why.lost || (await rowsOf(r, session)).total === 0)
      await session.run([restoreUsers(warehouse.dialect, settings.name, r.recipe)]);
    const epoch = mintEpoch();
    const last = state === null ? await lastLogged(r, session) : null;
    await takeOver(r, session, { from: state, epoch, seq: last?.seq ?? 0, steps: await surplus(r, session) });
    await refill(r, session, { state: state ?? last, epoch });
  });
}

/** How ledger and warehouse differ; `lost`: the table has fewer rows than the ledger knows. */
export interface Mismatch {
  readonly reason: string;
  readonly lost: boolean;
}

/** A mismatch in words. */
export const differs = (reason: string, lost = false): Mismatch => ({ reason, lost });
