import { expect } from 'vitest';
import type { Run } from '../../src/contract/run.ts';
import type { Chunk } from '../../src/contract/source.ts';
import { recipeOf } from '../../src/sync/fingerprint.ts';
import type { RunRequest } from '../../src/sync/run.ts';
import type { Settings } from '../../src/sync/settings.ts';
import type { Engine, EngineRun } from './engine.ts';
import type { Model } from './model.ts';
import { type Ear, type Flavour, type Mood, rosterReader, rosterSource } from './roster.ts';
import type { Plan } from './traps.ts';
import type { Witness } from './watched.ts';
import type { Dice, World } from './world.ts';

/** One seeded history under way. */
export interface History {
  readonly roll: Dice;
  readonly world: World;
  readonly model: Model;
  readonly engine: Engine;
  readonly mode: Settings['deletes']['mode'];
  readonly proof: Settings['deletes']['proof'];
  readonly lookups: number;
  /** Lines of a full batch. */
  readonly lines: number;
  flavour: Flavour;
  columns: Settings['columns'];
  /** Which run promoted which batch. */
  readonly promoted: Map<number, string>;
  /** Runs as the ledger last saved them. */
  readonly saved: Map<string, Run>;
  /** A copy of the state folder, and how long the log was then. */
  older: { readonly folder: string; readonly seq: number; readonly saved: ReadonlyMap<string, Run> } | null;
  seq: number;
  /** A ledger was lost, or an older one came back. */
  lost: boolean;
}

/** What one run of a history is. */
export interface Turn {
  readonly plan: Plan | null;
  readonly mood: Mood;
  readonly request: Partial<RunRequest>;
  /** Changes of the source when a page is asked for: how many at which page. */
  readonly during: ReadonlyMap<number, number>;
}

/** The connection's settings as they are at this moment of the history. */
export function settingsOf({ flavour, mode, proof, lookups, columns }: History): Settings {
  return {
    name: 'crew',
    source: rosterSource(flavour),
    deletes: { mode, max_ratio: 0.2, proof, lookups },
    columns,
    quarantine: { page_ratio: 1, scan_ratio: 1, max_record_bytes: 1_000_000 },
  };
}

/** One run as its witness sees it. */
interface Seen {
  id: string;
  sweep: Sweep | null;
  /** What the witness could not believe; the engine may have taken it for an error of its own, or have died of another. */
  readonly doubts: unknown[];
}

function witness(h: History, chunks: Chunk[], run: Seen): Witness {
  const { model } = h;
  const surely =
    <A extends unknown[]>(check: (...args: A) => void) =>
    (...args: A): void => {
      try {
        check(...args);
      } catch (error) {
        run.doubts.push(error);
        throw error;
      }
    };
  return {
    scanBegun: model.scanBegun,
    scanEnded: model.scanEnded,
    stepped: surely((page) => {
      if (page.place === null) {
        model.verdicts(page);
        return;
      }
      const chunk = chunks.shift();
      if (chunk === undefined) throw new Error('a page was recorded that the source never gave');
      model.page(chunk);
    }),
    missed: surely((count, live, inactive) => {
      model.missed();
      const missing = model.missing().length;
      expect({ missing: count, live, inactive }).toEqual({ missing, live: model.live(), inactive: model.inactive() });
      run.sweep = { missing, live: model.live() - model.inactive(), seen: model.seen.size };
    }),
    sealed: model.sealed,
    committed: (batch) => {
      model.committed(batch);
      h.seq = batch.seq;
    },
    promoted: ({ seq }) => {
      h.promoted.set(seq, run.id);
    },
    rebuilt: model.rebuilt,
    dropped: model.dropped,
    saved: (saved) => {
      h.saved.set(saved.run_id, saved);
      if (saved.outcome === null) run.id = saved.run_id;
    },
  };
}

/** The sweep as the model saw it begin. */
interface Sweep {
  readonly missing: number;
  readonly live: number;
  readonly seen: number;
}

function guarded({ mode }: History, { missing, live, seen }: Sweep, allowed: boolean): boolean {
  if (mode === 'ignore' || allowed || missing === 0) return false;
  return seen === 0 || (missing > 10 && missing > 0.2 * live);
}

function expectCounts(h: History, run: Run): void {
  const ops = { inserted: 'insert', updated: 'update', restored: 'restore', deleted: 'delete' } as const;
  const logged = [...h.model.log.values()].flat().filter(({ seq }) => h.promoted.get(seq) === run.run_id);
  if (logged.some(({ maybe }) => maybe)) return;
  for (const [count, op] of Object.entries(ops)) {
    // The keys are the four counts named above.
    const counted = run.counts[count as keyof typeof ops];
    expect(counted, `${count} of a run`).toBe(logged.filter((row) => row.op === op).length);
  }
}

/** Two pages that begin with the same user are an endless listing as far as anybody can tell. */
function seemsEndless({ world }: History, { during }: Turn, { run, noted }: EngineRun): boolean {
  if (run?.error?.message.includes('as an earlier page') !== true) return false;
  const repeats = new Set(world.order).size < world.order.length;
  return repeats || during.size > 0 || noted.some((step) => step.startsWith('scan resumed'));
}

/** He who is to prove that the server is well left after the scan had met him: then nothing is proven. */
const controlLeft = ({ model }: History, run: Run): boolean =>
  run.error?.step === 'look up users' && model.calledGone().some((id) => model.seen.has(id));

function expectOutcome(h: History, turn: Turn, ended: EngineRun, sweep: Sweep | null): void {
  const { run, warned, sprung } = ended;
  const told = JSON.stringify([run?.outcome, run?.error, warned, run?.warnings]);
  expect(told, 'the books balance').not.toMatch(/were seen or kept/);
  if (run === null) return;
  expect(run.error?.kind ?? 'none', told).not.toBe('bug');
  expectCounts(h, run);
  if (sprung || seemsEndless(h, turn, ended)) return;
  // The control of chosen users may have left since the last scan.
  if (turn.request.kind === 'resync' || controlLeft(h, run)) return;
  const ill = Number.isFinite(turn.mood.illFrom) || turn.mood.refusedCursors > 3;
  const refuses = sweep !== null && guarded(h, sweep, turn.request.allowDeletes === true);
  if (!ill || refuses) expect(run.outcome, told).toBe(refuses ? 'refused' : 'ok');
  if (run.outcome === 'ok') expectKept(h, run);
}

function expectKept({ model, mode }: History, run: Run): void {
  expect({ seen: run.counts.seen, kept: run.kept }).toEqual({
    seen: model.seen.size,
    kept: { unproven: model.missing().length, inactive: model.inactive() },
  });
  if (mode === 'ignore') return;
  const left = model.provenGone().filter((id) => model.rows.get(id)?.deleted === false);
  expect(left, 'users proven gone whose rows are still live').toEqual([]);
}

/** One run of the history, held against the model when it has ended. */
export async function takeTurn(h: History, turn: Turn): Promise<Run | null> {
  const { world, model, flavour } = h;
  const settings = settingsOf(h);
  const isChosen = turn.request.kind === 'resync';
  model.begin(settings, flavour, recipeOf(settings), isChosen);
  const chunks: Chunk[] = [];
  const now: Seen = { id: '', sweep: null, doubts: [] };
  let pages = 0;
  const ear = (hit: (point: string) => void): Ear => ({
    before: (request) => {
      hit(`before ${request}`);
      if (request !== 'page') return;
      pages += 1;
      for (let i = turn.during.get(pages) ?? 0; i > 0; i -= 1) world.mutate();
    },
    after: (request) => hit(`after ${request}`),
    chunk: (chunk) => chunks.push(chunk),
    began: () => chunks.splice(0),
    refs: model.roles,
    answered: (id, { absence, record }, gone) => model.answered({ id, absence, record, gone }),
  });
  const ended = await h.engine.run({
    settings,
    request: turn.request,
    plan: turn.plan,
    lines: h.lines,
    witness: witness(h, chunks, now),
    reader: (hit) => rosterReader(world, flavour, turn.mood, ear(hit)),
  });
  expect(now.doubts).toEqual([]);
  expectOutcome(h, turn, ended, now.sweep);
  return ended.run;
}
