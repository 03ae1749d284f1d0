import { countRows } from '../sql/state.ts';
import type { Following } from './following.ts';

/** Live rows of the connection in the warehouse; null when there is no warehouse to ask. */
async function liveRows({ deps }: Following): Promise<number | null> {
  const session = await deps.open('read');
  if (session === null) return null;
  try {
    const [row] = await Array.fromAsync(session.read(countRows(deps.warehouse.dialect, deps.settings.name)));
    return Number(row?.live);
  } finally {
    await session.close();
  }
}

/**
 * The books must balance at the end of a complete scan: live rows in the ledger are the users whom the scan saw and the
 * rows kept on purpose, and after a run that applied something they are the warehouse's live rows too. Returns what
 * does not balance, in words, or null.
 */
export async function imbalance(f: Following): Promise<string | null> {
  const { journal, counts, kept } = f;
  const { live } = journal.facts();
  const expected = counts.seen - journal.seenWithoutRow() + kept.unproven + journal.unseenInactive();
  const found = counts.batches > 0 ? ((await liveRows(f)) ?? live) : live;
  if (live === expected && found === live) return null;
  return `${expected} users were seen or kept, the ledger has ${live} live rows, the warehouse ${found}`;
}
