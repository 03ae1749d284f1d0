import { noEffects } from '../contract/effects.ts';
import type { Refs } from '../contract/source.ts';
import { locate, RollcallError } from '../errors.ts';
import { type Applier, makeApplier } from './applier.ts';
import { type ApplyWork, applyBatch } from './apply.ts';
import { columnRules } from './columns.ts';
import type { DiffRules } from './diff.ts';
import { recipeOf } from './fingerprint.ts';
import type { Following } from './following.ts';
import { rejectLine } from './lines.ts';
import { imbalance } from './reconcile.ts';
import { stageRefs } from './refs.ts';
import { rereading } from './rereading.ts';
import { readListing, type ScanWork } from './scan.ts';
import { sweep } from './sweep.ts';

/** An open scan older than this is begun anew, in ms: what it saw first may have left since. */
const RESUME_WITHIN = { sync: 60 * 60_000, backfill: 24 * 60 * 60_000 };

/** A complete scan that was stopped before its sweep is believed for so long, in ms. */
const SWEEP_WITHIN = 5 * 60_000;

/** Opens the scan: the recorded one where it may be gone on with, else a new one. */
function openScan({ deps, journal }: Following, wanted: 'sync' | 'backfill', recipe: string): 'sync' | 'backfill' {
  const open = journal.scan();
  // A backfill that was interrupted is finished by whichever run comes next.
  const fits = open !== null && open.recipe === recipe && (open.kind === wanted || open.kind === 'backfill');
  const within = open?.complete === true ? SWEEP_WITHIN : RESUME_WITHIN[open?.kind ?? 'sync'];
  if (fits && Date.now() - Date.parse(open.moved_at) <= within) {
    deps.observer.note('scan resumed', { connection: deps.settings.name, page: open.pages + 1 });
    return open.kind;
  }
  return journal.beginScan(wanted, recipe).kind;
}

/** Users in one run whom a lookup may not find before no more are asked for: some credentials find few of those they list. */
const MOST_UNFOUND = 100;

/**
 * Looks up users whose rows say more than their listing. Where that may not be, or they are not found, their rows stay
 * as they are, and the run says so.
 */
function fillingUp({ reader, warnings }: Following): DiffRules['fuller'] {
  let unfound = 0;
  const keep = (why: string): null => {
    const words = `users whose rows say more than their listing have changed, and this credential ${why}: kept`;
    if (!warnings.includes(words)) warnings.push(words);
    return null;
  };
  const forbidden = (error: unknown): boolean =>
    error instanceof RollcallError && (error.status === 401 || error.status === 403);
  return async (id) => {
    if (unfound >= MOST_UNFOUND) return null;
    try {
      const { record = null } = await reader.absent(id);
      unfound += record === null ? 1 : 0;
      return record ?? keep('does not find them');
    } catch (error) {
      if (!forbidden(error)) throw error;
      // Whoever was refused once is not asked for each of the others, too.
      unfound = MOST_UNFOUND;
      return keep('may not look them up');
    }
  };
}

/** What stays the same for all records of a run. */
export function diffRules(following: Following, refs: Refs, rewrite: boolean): DiffRules {
  const { settings } = following.deps;
  return {
    source: settings.source,
    refs,
    recipe: recipeOf(settings),
    rules: columnRules(settings),
    maxRecordBytes: settings.quarantine.max_record_bytes,
    run_id: following.run_id,
    rewrite,
    settle: async () => undefined,
    fuller: fillingUp(following),
  };
}

/** What applying this run's batches works with. */
export function applying({ deps, journal, run_id, counts, record }: Following): ApplyWork {
  return { deps, journal, recipe: recipeOf(deps.settings), run_id, counts, tally: { refused: 0 }, record };
}

/** A listing that cannot be trusted is not gone on with, and what it brought is not loaded; what it was refused for is kept. */
async function withdraw({ deps, journal }: Following, apply: ApplyWork): Promise<void> {
  const rejected = journal.dropPending();
  if (rejected.length === 0) return;
  const lines = rejected.map(rejectLine);
  await journal.step({ lines, moves: [], seen: [], rejected, effects: noEffects(), place: null });
  try {
    await applyBatch(apply);
  } catch (error) {
    const { message } = locate(error, deps.settings.name, 'quarantine');
    deps.observer.warn(
      `${deps.settings.name}: the rejected records come into their table with the next run: ${message}`,
    );
  }
}

async function readTrusted(f: Following, work: ScanWork, applier: Applier, apply: ApplyWork): Promise<void> {
  try {
    await readListing(work);
  } catch (error) {
    await applier.rest();
    if (error instanceof RollcallError && error.kind === 'bad-data') await withdraw(f, apply);
    throw error;
  }
  await applier.finish();
}

/** Reads the complete listing, applies what changed, and deals with those missing from it. Returns what does not balance then. */
export async function followListing(
  f: Following,
  wanted: 'sync' | 'backfill',
  allowDeletes: boolean,
): Promise<string | null> {
  const { deps, journal, counts, reader } = f;
  const refs = await reader.refs();
  const apply = applying(f);
  const rules = diffRules(f, refs, false);
  const applier = makeApplier(apply, rereading(f, rules));
  const kind = openScan(f, wanted, recipeOf(deps.settings));
  await stageRefs(f, refs, columnRules(deps.settings));
  const work: ScanWork = {
    deps,
    journal,
    reader,
    counts,
    badSeen: 0,
    rules: { ...rules, rewrite: kind === 'backfill', settle: applier.settle },
    flush: applier.flush,
  };
  await readTrusted(f, work, applier, apply);
  counts.seen = journal.seenCount();
  // Before the sweep: whom it changes, the listing did not show.
  const written = counts.inserted + counts.updated + counts.restored + work.badSeen + apply.tally.refused;
  counts.unchanged = Math.max(0, counts.seen - written);
  let over = false;
  try {
    const swept = await sweep(work, allowDeletes);
    f.warnings.push(...swept.warnings);
    await applier.finish();
  } catch (error) {
    over = error instanceof RollcallError && error.kind !== 'rate-limited';
    throw error;
  } finally {
    // Whoever is still missing now is kept, whatever was said of him: his row may have been refused.
    f.kept.unproven = [...journal.missing()].length;
    f.kept.inactive = journal.inactive();
    // Only a wait goes on where it was. After any other trouble what was listed may be old news: it is read anew.
    if (over) journal.endScan();
  }
  const unbalanced = await imbalance(f);
  journal.endScan();
  return unbalanced;
}
