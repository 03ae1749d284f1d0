import type { Effects } from '../contract/effects.ts';
import type { Journal } from '../contract/journal.ts';
import type { StateRow } from '../contract/warehouse.ts';
import type { Deps } from './settings.ts';
import { stateOf } from './state.ts';

/** Promotes the sealed batch when the warehouse's state says that it has it. Null when there is nothing to promote. */
export async function promoteIfApplied(
  journal: Journal,
  state: StateRow | null,
  record: (effects: Effects) => void = () => undefined,
): Promise<Effects | null> {
  const batch = journal.sealed();
  const applied = batch !== null && state?.batch_id === batch.batch_id && state.epoch === journal.facts().epoch;
  return applied ? journal.promote(batch, record) : null;
}

/** The same, asking the warehouse: for whoever drops what is pending and must not drop what was applied. */
export async function settleSealed(deps: Deps, journal: Journal): Promise<void> {
  if (journal.sealed() === null) return;
  const session = await deps.open('read');
  try {
    const { settings, warehouse } = deps;
    const identity = (await session?.identity(settings.name)) ?? null;
    if (session === null || identity === null) return;
    await promoteIfApplied(journal, await stateOf(warehouse.dialect, settings.name, session, identity));
  } finally {
    await session?.close();
  }
}
