import type { Refs } from '../contract/source.ts';
import { RollcallError } from '../errors.ts';
import { makeApplier } from './applier.ts';
import type { ApplyWork } from './apply.ts';
import { columnRules } from './columns.ts';
import type { DiffRules } from './diff.ts';
import { recipeOf } from './fingerprint.ts';
import type { Following } from './following.ts';
import { imbalance } from './reconcile.ts';
import { stageRefs } from './refs.ts';
import { readListing, type ScanWork } from './scan.ts';
import { sweep } from './sweep.ts';

/** An open scan older than this is begun anew, in ms: what it saw first may have left since. */
const RESUME_WITHIN = { sync: 60 * 60_000, backfill: 24 * 60 * 60_000 };

/** Opens the scan: the recorded one where it may be gone on with, else a new one. */
function openScan({ deps, journal }: Following, wanted: 'sync' | 'backfill', recipe: string): 'sync' | 'backfill' {
  const open = journal.scan();
  // A backfill that was interrupted is finished by whichever run comes next.
  const fits = open !== null && open.recipe === recipe && (open.kind === wanted || open.kind === 'backfill');
  if (fits && Date.now() - Date.parse(open.moved_at) <= RESUME_WITHIN[open.kind]) {
    deps.observer.note('scan resumed', { connection: deps.settings.name, page: open.pages + 1 });
    return open.kind;
  }
  return journal.beginScan(wanted, recipe).kind;
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
  };
}

/** What applying this run's batches works with. */
export function applying({ deps, journal, run_id, counts }: Following): ApplyWork {
  return { deps, journal, recipe: recipeOf(deps.settings), run_id, counts };
}

/** Reads the complete listing, applies what changed, and deals with those missing from it. Returns what does not balance then. */
export async function followListing(
  f: Following,
  wanted: 'sync' | 'backfill',
  allowDeletes: boolean,
): Promise<string | null> {
  const { deps, journal, counts, reader } = f;
  const refs = await reader.refs();
  const applier = makeApplier(applying(f));
  const kind = openScan(f, wanted, recipeOf(deps.settings));
  await stageRefs(journal, refs);
  const work: ScanWork = {
    deps,
    journal,
    reader,
    counts,
    badSeen: 0,
    rules: { ...diffRules(f, refs, kind === 'backfill'), settle: applier.settle },
    flush: applier.flush,
  };
  try {
    await readListing(work);
    await applier.finish();
  } catch (error) {
    await applier.rest();
    throw error;
  }
  counts.seen = journal.seenCount();
  try {
    const swept = await sweep(work, allowDeletes);
    f.kept.unproven = swept.unproven;
    f.warnings.push(...swept.warnings);
    await applier.finish();
  } catch (error) {
    f.kept.unproven = [...journal.missing()].length;
    // A scan that a guard refused is over: the next run must read the listing anew.
    if (error instanceof RollcallError && error.kind === 'refused') journal.endScan();
    throw error;
  } finally {
    f.kept.inactive = journal.inactive();
    counts.unchanged = Math.max(0, counts.seen - counts.inserted - counts.updated - counts.restored - work.badSeen);
  }
  const unbalanced = await imbalance(f);
  journal.endScan();
  return unbalanced;
}
