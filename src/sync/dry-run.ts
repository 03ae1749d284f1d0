import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Journal } from '../contract/journal.ts';
import type { Run } from '../contract/run.ts';
import type { Reader } from '../contract/source.ts';
import { RollcallError } from '../errors.ts';
import { columnRules } from './columns.ts';
import { recipeOf } from './fingerprint.ts';
import { diffRules } from './follow.ts';
import type { Following } from './following.ts';
import { metered } from './metering.ts';
import type { Recovery } from './rebuild.ts';
import { recoverCopy } from './recover.ts';
import { stageRefs } from './refs.ts';
import { failedRun, newRun } from './report.ts';
import { noting, type Sample, samplesOf } from './samples.ts';
import { readListing } from './scan.ts';
import type { Deps } from './settings.ts';
import { sweep } from './sweep.ts';

/** What a run would do. */
export interface DryRun {
  readonly run: Run;
  readonly samples: readonly Sample[];
}

type Noted = Parameters<typeof noting>[1];

/** What a dry run works with beside its copy of the ledger. */
interface Trial {
  readonly deps: Deps;
  readonly run: Run;
  readonly noted: Noted;
  readonly allowDeletes: boolean;
  readonly warnings: string[];
}

async function look(trial: Trial): Promise<Pick<Run, 'kept'>> {
  const { deps, warnings } = trial;
  const { journal, broken } = await deps.ledger.open();
  if (broken !== null) warnings.push(UNREADABLE);
  const holder = { journal };
  try {
    const { reader, close } = deps.connect(trial.run.counts);
    try {
      return await read(trial, reader, holder);
    } finally {
      close();
    }
  } finally {
    holder.journal.close();
  }
}

async function read(trial: Trial, reader: Reader, holder: { journal: Journal }): Promise<Pick<Run, 'kept'>> {
  const { deps, run, noted, allowDeletes, warnings } = trial;
  const { counts, run_id } = run;
  const account = (await reader.account()).id;
  const recovery: Recovery = {
    deps,
    journal: holder.journal,
    recipe: recipeOf(deps.settings),
    account,
    counts,
    warnings,
    record: () => undefined,
  };
  try {
    await recoverCopy(recovery);
    const journal = noting(recovery.journal, noted);
    const kept = { unproven: 0, inactive: 0 };
    const f: Following = { deps, reader, counts, run_id, journal, kept, warnings, record: () => undefined };
    const refs = await reader.refs();
    journal.beginScan('sync', recovery.recipe);
    await stageRefs(f, refs, columnRules(deps.settings));
    const work = {
      deps,
      journal,
      reader,
      counts,
      badSeen: 0,
      rules: diffRules(f, refs, false),
      flush: async () => undefined,
    };
    await readListing(work);
    const fill = (): void => {
      const { inserted, updated, restored, deleted } = journal.openBatch().effects;
      Object.assign(counts, { inserted, updated, restored, deleted, seen: journal.seenCount() });
    };
    fill();
    // Before the sweep: whom it changes, the listing did not show.
    counts.unchanged = Math.max(0, counts.seen - counts.inserted - counts.updated - counts.restored - work.badSeen);
    const swept = await sweep(work, allowDeletes);
    fill();
    warnings.push(...swept.warnings);
    return { kept: { unproven: swept.unproven, inactive: journal.inactive() } };
  } finally {
    holder.journal = recovery.journal;
  }
}

const UNREADABLE = 'the ledger cannot be read; a sync keeps it aside and makes a new one from the warehouse';

/** Like a sync, goes on without a ledger that turns out to be damaged: the copy is out of the way once it is closed. */
async function tried(trial: Trial): Promise<Pick<Run, 'kept'>> {
  try {
    return await look(trial);
  } catch (error) {
    if (!(error instanceof RollcallError) || !error.ledgerLost) throw error;
    trial.warnings.push(UNREADABLE);
    trial.noted.length = 0;
    Object.assign(trial.run.counts, { pages: 0, rejected: 0 });
    return await look(trial);
  }
}

/** Reads everything that a sync would and writes neither ledger nor warehouse: it works on a copy, which is thrown away. */
export async function dryRun(deps: Deps, allowDeletes: boolean): Promise<DryRun> {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-dry-run-'));
  const noted: Noted = [];
  const warnings: string[] = [];
  const run = newRun(deps.settings, { kind: 'sync', trigger: 'command', scheduled_at: null }, new Date().toISOString());
  const ended = (): Pick<Run, 'finished_at' | 'counts'> => ({
    finished_at: new Date().toISOString(),
    counts: { ...run.counts, duration_ms: Math.round(performance.now() - started) },
  });
  try {
    const copied = { ...metered(deps, run.counts).deps, ledger: await deps.ledger.copy(folder) };
    const seen = await tried({ deps: copied, run, noted, allowDeletes, warnings });
    return { run: { ...run, ...seen, ...ended(), warnings, outcome: 'ok' }, samples: await samplesOf(deps, noted) };
  } catch (error) {
    return { run: { ...failedRun(run, error), ...ended() }, samples: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
