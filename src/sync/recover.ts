import { hash, randomBytes } from 'node:crypto';
import type { Journal } from '../contract/journal.ts';
import type { Counts } from '../contract/run.ts';
import type { Session, StateRow, TableIdentity } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import { layout } from '../sql/ddl.ts';
import { claim, countRows, readLedgerRows, readState } from '../sql/state.ts';
import { addBatch } from './apply.ts';
import { isNewer } from './fingerprint.ts';
import type { Deps } from './settings.ts';

/** What is settled before a scan begins. */
export interface Recovery {
  readonly deps: Deps;
  journal: Journal;
  readonly recipe: string;
  readonly account: string;
  readonly counts: Counts;
}

const mintEpoch = (): string => randomBytes(8).toString('hex');

/** Statements that make the tables as they should be, and a hash of them: run only when it is not the last one run. */
function wanted({ deps }: Recovery) {
  const { dialect } = deps.warehouse;
  const statements = layout(dialect, deps.settings.source.name, deps.settings.source.fields);
  return { statements, layout: hash('sha256', statements.map((s) => s.sql).join('\n')).slice(0, 16) };
}

async function withSession<T>(
  r: Recovery,
  access: 'read' | 'write',
  work: (session: Session | null) => Promise<T>,
): Promise<T> {
  const session = await r.deps.open(access);
  try {
    return await work(session);
  } finally {
    r.counts.statements += session?.statements() ?? 0;
    await session?.close();
  }
}

async function stateOf(r: Recovery, session: Session, identity: TableIdentity): Promise<StateRow | null> {
  if (identity.state !== undefined) return identity.state;
  const [row] = await Array.fromAsync(session.read(readState(r.deps.warehouse.dialect, r.deps.settings.name)));
  if (row === undefined) return null;
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

function refuse(r: Recovery, message: string): RollcallError {
  const connection = r.deps.settings.name;
  return new RollcallError('config', `${connection}: ${message}`, { connection, step: 'compare ledger and warehouse' });
}

function checkState(r: Recovery, state: StateRow | null): void {
  if (state !== null && isNewer(state.recipe, r.recipe)) {
    throw refuse(
      r,
      `its rows were written by a newer Rollcall (recipe ${state.recipe}, this program knows ${r.recipe}); update this one`,
    );
  }
  const bound = r.journal.facts().account ?? state?.account ?? '';
  if (bound !== '' && bound !== r.account) {
    throw refuse(
      r,
      `the credential belongs to account ${r.account}, but this connection holds the users of account ${bound}; use that account's credential, or \`rollcall state reset ${r.deps.settings.name}\` to begin anew with this one`,
    );
  }
}

/** Makes the connection ours under a new epoch; whoever had it is turned away by the fence from here on. */
async function takeOver(r: Recovery, session: Session, from: StateRow | null, epoch: string): Promise<void> {
  const { settings, warehouse, signal } = r.deps;
  const at = r.journal.now();
  const script = claim(warehouse.dialect, {
    connection: settings.name,
    epoch,
    recipe: r.recipe,
    account: r.account,
    at,
    from,
  });
  if ((await session.transact(script, signal)) === 'done') return;
  throw new RollcallError(
    'busy',
    `${settings.name}: another process is taking this connection over at this moment; run again`,
    {
      connection: settings.name,
      step: 'claim the connection',
    },
  );
}

/** A warehouse that is not there yet. */
const NO_ROWS: Pick<Session, 'read'> = {
  read: async function* () {
    yield* [];
  },
};

/** Fills a new ledger from the warehouse's own rows, all of them. */
async function refill(
  r: Recovery,
  session: Pick<Session, 'read'>,
  state: StateRow | null,
  epoch: string,
): Promise<void> {
  const { settings, warehouse, ledger } = r.deps;
  const [found] = await Array.fromAsync(session.read(countRows(warehouse.dialect, settings.name)));
  let read = 0;
  const counted = async function* () {
    for await (const row of session.read(readLedgerRows(warehouse.dialect, settings.name))) {
      read += 1;
      yield row;
    }
  };
  r.journal.close();
  r.journal = await ledger.rebuild(counted(), {
    epoch,
    seq: state?.seq ?? 0,
    batch_id: state?.batch_id ?? '',
    account: state?.account ?? r.account,
    after: state?.updated_at ?? '',
  });
  if (read === Number(found?.total ?? 0)) return;
  throw new RollcallError(
    'transient',
    `${settings.name}: read ${read} of the ${Number(found?.total)} rows of users; run again`,
    {
      connection: settings.name,
      step: 'rebuild the ledger',
    },
  );
}

/** A new ledger under a new epoch. */
async function rebuild(r: Recovery, state: StateRow | null, reason: string): Promise<void> {
  const { settings, observer } = r.deps;
  observer.warn(`${settings.name}: rebuilding the ledger from the warehouse: ${reason}`);
  await withSession(r, 'write', async (session) => {
    if (session === null) throw new Error('a warehouse opened for writing is never absent');
    const epoch = mintEpoch();
    await takeOver(r, session, state, epoch);
    await refill(r, session, state, epoch);
  });
}

/** Why the ledger is not the warehouse's, or null where it is. */
function mismatch(r: Recovery, identity: TableIdentity, state: StateRow | null): string | null {
  const { epoch, seq, live } = r.journal.facts();
  if (epoch === null) return state === null ? null : 'there was no ledger on this host';
  if (state === null) return seq === 0 ? null : 'the warehouse has no state for it';
  if (state.epoch !== epoch) return 'another ledger took the connection over';
  if (state.seq !== seq) return `the warehouse has batch ${state.seq}, the ledger batch ${seq}`;
  if (identity.rows !== null && identity.rows < live)
    return `the users table has lost rows (${identity.rows} where ${live} are known)`;
  return null;
}

/** An ordinary crash between apply and promotion: the warehouse has the batch that is sealed here. */
async function promoteSealed(r: Recovery, state: StateRow | null): Promise<void> {
  const batch = r.journal.sealed();
  if (batch === null || state === null || state.batch_id !== batch.batch_id || state.epoch !== r.journal.facts().epoch)
    return;
  addBatch(r.counts, await r.journal.promote(batch));
  r.deps.observer.note('batch promoted', { connection: r.deps.settings.name, seq: batch.seq });
}

async function look(r: Recovery): Promise<{ identity: TableIdentity | null; state: StateRow | null }> {
  return withSession(r, 'read', async (session) => {
    const identity = (await session?.identity(r.deps.settings.name)) ?? null;
    const state = session === null || identity === null ? null : await stateOf(r, session, identity);
    return { identity, state };
  });
}

async function prepare(r: Recovery): Promise<void> {
  const want = wanted(r);
  await withSession(r, 'write', async (session) => session?.run(want.statements));
  r.journal.note({ layout: want.layout });
}

/** Rebuilds the ledger whatever it says: somebody asked for it, or the books did not balance. */
export async function rebuildNow(r: Recovery, reason: string): Promise<void> {
  const { identity, state } = await look(r);
  checkState(r, state);
  if (identity === null) await prepare(r);
  await rebuild(r, state, reason);
  r.journal.note({ layout: wanted(r).layout, account: r.account, tables: identity?.tables ?? null });
}

/** Makes ledger and warehouse agree before anything is scanned; `r.journal` may be another one afterwards. */
export async function recover(r: Recovery): Promise<void> {
  let { identity, state } = await look(r);
  checkState(r, state);
  const want = wanted(r);
  if (identity === null || r.journal.facts().layout !== want.layout) {
    await prepare(r);
    ({ identity, state } = await look(r));
  }
  if (identity === null) throw new Error('the tables that were just made are not there');
  await promoteSealed(r, state);
  const reason = mismatch(r, identity, state);
  if (reason !== null) {
    await rebuild(r, state, reason);
    r.journal.note({ layout: want.layout, account: r.account, tables: identity.tables });
    return;
  }
  if (state === null) {
    const epoch = r.journal.facts().epoch ?? mintEpoch();
    r.journal.note({ epoch });
    await withSession(r, 'write', async (session) =>
      session === null ? undefined : takeOver(r, session, null, epoch),
    );
  }
  r.journal.note({ account: r.account, tables: identity.tables });
}

/** Makes a copy of the ledger agree with the warehouse without writing to it: for a run that only looks. */
export async function recoverCopy(r: Recovery): Promise<void> {
  const { identity, state } = await look(r);
  checkState(r, state);
  if (identity === null) {
    // Nothing is loaded yet, or not any more: everything the source has would be new.
    await refill(r, NO_ROWS, null, mintEpoch());
    return;
  }
  if (mismatch(r, identity, state) === null) return;
  await withSession(r, 'read', async (session) => refill(r, session ?? NO_ROWS, state, state?.epoch ?? mintEpoch()));
}
