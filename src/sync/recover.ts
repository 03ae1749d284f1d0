import { hash } from 'node:crypto';
import { noEffects } from '../contract/effects.ts';
import type { StateRow, TableIdentity } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import { layout, type PlacedColumn } from '../sql/ddl.ts';
import { refillColumns } from '../sql/repair.ts';
import { restoreUsers } from '../sql/restore.ts';
import { addBatch } from './apply.ts';
import { takeOver } from './claim.ts';
import { isNewer } from './fingerprint.ts';
import { rejectLine } from './lines.ts';
import { dropped, identityToNote, sameTables, tellDropped } from './losses.ts';
import { differs, type Mismatch, mintEpoch, type Recovery, rebuild, refill, rowsOf, withSession } from './rebuild.ts';
import { refsLost } from './refs.ts';
import { promoteIfApplied } from './settle.ts';
import { believedState, stateOf } from './state.ts';

/** Statements that make the tables as they should be, and a hash of them: run only when it is not the last one run. */
function wanted({ deps }: Recovery) {
  const { dialect } = deps.warehouse;
  const statements = layout(dialect, deps.settings.source.name, deps.settings.source.fields);
  return { statements, layout: hash('sha256', statements.map((s) => s.sql).join('\n')).slice(0, 16) };
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
  const bound = r.journal.facts().account || (state?.account ?? '');
  if (bound !== '' && r.account !== '' && bound !== r.account) {
    throw refuse(
      r,
      `the credential belongs to account ${r.account}, but this connection holds the users of account ${bound}; use that account's credential, or \`rollcall state reset ${r.deps.settings.name}\` to begin anew with this one`,
    );
  }
}

/** Why the ledger is not the warehouse's, or null where it is. */
function mismatch(r: Recovery, identity: TableIdentity, state: StateRow | null): Mismatch | null {
  const { epoch, seq, live, tables } = r.journal.facts();
  if (epoch === null) return state === null ? null : differs('there was no ledger on this host');
  if (state === null) return seq === 0 ? null : differs('the warehouse has no state for it', true);
  if (state.epoch !== epoch) return differs('another ledger took the connection over');
  if (state.seq !== seq) return differs(`the warehouse has batch ${state.seq}, the ledger batch ${seq}`);
  const { rows, own = false } = identity;
  if (rows !== null && own && rows > live)
    return differs(`the users table has rows that Rollcall did not load (${rows} where ${live} are known)`);
  if (rows !== null && rows < live)
    return differs(`the users table has lost rows (${rows} where ${live} are known)`, true);
  return sameTables(tables, identity) ? null : differs('its tables were made anew', true);
}

/** An ordinary crash between apply and promotion: the warehouse has the batch that is sealed here. */
async function promoteSealed(r: Recovery, state: StateRow | null): Promise<void> {
  const effects = await promoteIfApplied(r.journal, state, (done) => {
    addBatch(r.counts, done);
    r.record(r.journal);
  });
  if (effects === null) return;
  r.deps.observer.note('batch promoted', { connection: r.deps.settings.name, seq: r.journal.facts().seq });
}

/** What the warehouse has of the connection. */
interface Look {
  readonly identity: TableIdentity | null;
  readonly state: StateRow | null;
}

/** The state row itself. */
async function look(r: Recovery): Promise<Look> {
  const { settings, warehouse } = r.deps;
  return withSession(r, 'read', async (session) => {
    const identity = (await session?.identity(settings.name)) ?? null;
    if (session === null || identity === null) return { identity, state: null };
    return { identity, state: await stateOf(warehouse.dialect, settings.name, session, identity) };
  });
}

/** The same without cost where metadata show nothing that speaks against the ledger. */
async function glance(r: Recovery): Promise<Look> {
  const { settings } = r.deps;
  const identity = await withSession(r, 'read', async (session) => (await session?.identity(settings.name)) ?? null);
  if (identity === null) return { identity, state: null };
  if (identity.state !== undefined) return { identity, state: identity.state };
  const believed = believedState(r.journal.facts(), r.journal.sealed() !== null, identity);
  if (believed === null || mismatch(r, identity, believed) !== null) return look(r);
  r.believed = true;
  return { identity, state: believed };
}

/** Makes the tables and views as they should be; `columns` are missing from tables that have rows. */
async function prepare(r: Recovery, columns: readonly PlacedColumn[] = []): Promise<void> {
  const want = wanted(r);
  const refilled = refillColumns(r.deps.warehouse.dialect, columns, mintEpoch());
  await withSession(r, 'write', async (session) => session?.run([...want.statements, ...refilled]));
  r.journal.note({ layout: want.layout });
}

/** Rebuilds the ledger whatever it says: somebody asked for it, or the books did not balance. */
export async function rebuildNow(r: Recovery, reason: string): Promise<void> {
  let { identity, state } = await look(r);
  checkState(r, state);
  const { columns } = dropped(r, identity);
  if (identity === null || columns.length > 0) {
    await prepare(r, columns);
    ({ identity, state } = await look(r));
  }
  await rebuild(r, state, differs(reason, true));
  // Whoever rebuilds without asking the source knows no account: the one that the rows are bound to stays.
  const account = r.account === '' ? {} : { account: r.account };
  r.journal.note({ layout: wanted(r).layout, tables: identity?.tables ?? null, ...account });
}

/** Nobody has the connection: it is new, or its state was lost and its rows, or their log, are still there. */
async function claimFirst(r: Recovery): Promise<void> {
  const { deps } = r;
  const found = await withSession(r, 'write', async (session) => {
    if (session === null) throw new Error('a warehouse opened for writing is never absent');
    await session.run([restoreUsers(deps.warehouse.dialect, deps.settings.name, r.recipe)]);
    const { total } = await rowsOf(r, session);
    if (total > 0) return true;
    const epoch = r.journal.facts().epoch ?? mintEpoch();
    r.journal.note({ epoch });
    await takeOver(r, session, { from: null, epoch, seq: 0 });
    return false;
  });
  if (found) await rebuild(r, null, differs('its rows are there, but its state is not'));
}

/** So many quarantined records or runs are sent again at most. */
const RESENT = 10_000;

/** Emptied tables beside `users` are filled again with the next batch. */
async function resend({ journal }: Recovery, empty: readonly string[]): Promise<void> {
  // What waits may be what is not there yet.
  if (journal.sealed() !== null || journal.openBatch().lines > 0) return;
  if (refsLost(journal.facts().refs, empty)) journal.note({ refs: null });
  if (!empty.includes('rejected_records')) return;
  const lines = journal
    .rejected(RESENT)
    .filter(({ replayed_at }) => replayed_at === null)
    .map(rejectLine);
  if (lines.length > 0)
    await journal.step({ lines, moves: [], seen: [], rejected: [], effects: noEffects(), place: null });
}

/** Another had written the connection's state row before this time, or it was lost. */
export async function wasTaken(r: Recovery, before: string): Promise<boolean> {
  const { state } = await look(r);
  return state === null || state.updated_at < before;
}

/** Makes ledger and warehouse agree before anything is scanned; `r.journal` may be another one afterwards. */
export async function recover(r: Recovery): Promise<void> {
  let { identity, state } = await glance(r);
  checkState(r, state);
  const want = wanted(r);
  const { tables: noted } = r.journal.facts();
  const lost = dropped(r, identity);
  if (identity === null || r.journal.facts().layout !== want.layout || lost.views.length + lost.columns.length > 0) {
    // Of tables that are made anew, roles and teams come with the next batch.
    if (identity === null) r.journal.note({ refs: null });
    await prepare(r, lost.columns);
    if (r.journal.facts().epoch !== null) tellDropped(r, lost);
    ({ identity, state } = await look(r));
    checkState(r, state);
  }
  if (identity === null) throw new Error('the tables that were just made are not there');
  await promoteSealed(r, state);
  if (!r.journal.spoolIntact()) {
    r.deps.observer.warn(
      `${r.deps.settings.name}: a spool file is missing or cut short; what waited in it is read again`,
    );
    r.journal.dropPending();
  }
  const tables = identityToNote(r, identity, noted);
  if (identity.empty?.includes('sync_runs')) r.journal.markUnsent(RESENT);
  const why = mismatch(r, identity, state);
  if (why !== null) {
    await rebuild(r, state, why);
    r.journal.note({ layout: want.layout, account: r.account, tables });
    return;
  }
  if (state === null) await claimFirst(r);
  else await resend(r, identity.empty ?? []);
  r.journal.note({ account: r.account, tables });
}

/** Makes a copy of the ledger agree with the warehouse without writing to it: for a run that only looks. */
export async function recoverCopy(r: Recovery): Promise<void> {
  const { identity, state } = await glance(r);
  checkState(r, state);
  const [column] = dropped(r, identity).columns;
  if (column !== undefined)
    throw refuse(
      r,
      `the table ${column.table} lacks the column ${column.column}; a sync makes it again, and before that nothing can be compared`,
    );
  if (identity === null) {
    // Nothing is loaded yet, or not any more: everything the source has would be new.
    await refill(r, null, { state: null, epoch: mintEpoch() });
    return;
  }
  const why = mismatch(r, identity, state);
  if (why === null) return;
  await withSession(r, 'read', async (session) => {
    const lost = why.lost || (await rowsOf(r, session)).total === 0;
    await refill(r, session, { state, epoch: state?.epoch ?? mintEpoch(), lost });
  });
}
