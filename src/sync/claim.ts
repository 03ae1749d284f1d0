import { setTimeout as sleep } from 'node:timers/promises';
import type { Session, Statement, StateRow } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import { claim, countOwners, dropClaim } from '../sql/state.ts';
import type { Deps } from './settings.ts';

/** Tries of a connection that nobody has while others try to get it too. */
const TRIES = 6;
/** Ceiling of the first wait between them, in ms; each next one is twice as long. */
const BASE = 100;

/** Who takes a connection over. */
export interface Claimant {
  readonly deps: Pick<Deps, 'settings' | 'warehouse' | 'signal'>;
  readonly journal: { now(): string };
  readonly recipe: string;
  readonly account: string;
}

/** A connection changes hands: from whom (null: nobody), to which epoch, after which batch. */
export interface Taking {
  readonly from: StateRow | null;
  readonly epoch: string;
  readonly seq: number;
  /** Done in the same transaction. */
  readonly steps?: readonly Statement[];
}

/** Nobody else claimed the connection at the same instant, unseen by our transaction as we by theirs. */
async function isAlone({ deps }: Claimant, session: Session): Promise<boolean> {
  const query = countOwners(deps.warehouse.dialect, deps.settings.name);
  const [found] = await Array.fromAsync(session.read(query));
  return Number(found?.owners) === 1;
}

/**
 * One try. `crowd`: another claimed at the same instant, and ours was taken back. Both may see each other and both step
 * back; neither may stay, as the other may have looked before ours was there.
 */
async function attempt(
  c: Claimant,
  session: Session,
  taking: Taking,
  tried: number,
): Promise<'mine' | 'taken' | 'crowd'> {
  const { settings, warehouse, signal } = c.deps;
  const { from, epoch, seq, steps = [] } = taking;
  const now = c.journal.now();
  // Times only grow, also when the clock was set back and the ledger that knew was lost.
  const at = from !== null && from.updated_at > now ? from.updated_at : now;
  const { recipe, account } = c;
  const script = claim(warehouse.dialect, { connection: settings.name, epoch, recipe, account, at, from, seq });
  // A warehouse that knows a piece of work by its id must not take one try for the other.
  const id = `${script.id}-${tried}`;
  if ((await session.transact({ ...script, id, steps }, signal)) === 'fenced') return 'taken';
  if (from !== null || warehouse.insertsConflict || (await isAlone(c, session))) return 'mine';
  await session.run([dropClaim(warehouse.dialect, settings.name, epoch)]);
  return 'crowd';
}

/**
 * Makes the connection ours under a new epoch; whoever had it is turned away by the fence from here on. Throws `busy`
 * where another process does the same at this moment and was quicker.
 */
export async function takeOver(c: Claimant, session: Session, taking: Taking): Promise<void> {
  const { settings, signal } = c.deps;
  for (let tried = 1; tried <= TRIES; tried += 1) {
    const got = await attempt(c, session, taking, tried);
    if (got === 'mine') return;
    if (got === 'taken') break;
    // Chance decides who comes back first and finds it free.
    if (tried < TRIES) await sleep(Math.random() * BASE * 2 ** tried, undefined, { signal });
  }
  const message = `${settings.name}: another process is taking this connection over at this moment; run again`;
  throw new RollcallError('busy', message, { connection: settings.name, step: 'claim the connection' });
}
