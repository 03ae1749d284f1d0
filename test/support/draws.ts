import type { Settings } from '../../src/sync/settings.ts';
import { makeEngine } from './engine.ts';
import { makeModel } from './model.ts';
import type { Flavour, Mood } from './roster.ts';
import type { Plan } from './traps.ts';
import type { History, Turn } from './turns.ts';
import { type Dice, makeWorld } from './world.ts';

/** Column rules that a history may have. */
export const RULES: readonly Settings['columns'][] = [
  { exclude: [], hash: [] },
  { exclude: ['secret', 'profile.pin'], hash: [] },
  { exclude: ['profile.tags.key'], hash: ['email', 'profile.phone'], hash_key: 'a key of the tests' },
];

/** Instants at which a process may die, and how often a run may have come there before. */
const DEATHS: readonly (readonly [point: string, most: number])[] = [
  ['before page', 6],
  ['inside step', 6],
  ['before step', 6],
  ['after step', 6],
  ['before absent', 4],
  ['after absent', 4],
  ['before seal', 2],
  ['inside seal', 2],
  ['after seal', 2],
  ['before open', 6],
  ['before stage', 2],
  ['after stage', 2],
  ['after refuse', 2],
  ['before transact', 2],
  ['after transact', 2],
  ['after transact', 2],
  ['after promote', 2],
  ['before unstage', 2],
  ['after noteMissed', 1],
  ['after recheck', 1],
  ['before endScan', 1],
  ['after endScan', 1],
  ['after beginScan', 1],
  ['after note', 3],
  ['before saveRun', 2],
  ['after saveRun', 2],
  ['before run', 2],
  ['after run', 2],
  ['before markSent', 1],
  ['before rebuild', 1],
  ['after rebuild', 1],
  ['before read', 4],
];

const FAILURES: readonly (readonly [point: string, most: number])[] = [
  ['before page', 6],
  ['before absent', 4],
  ['before open', 6],
  ['before stage', 2],
  ['inside step', 4],
  ['before transact', 2],
  ['after transact', 2],
  ['before read', 4],
  ['before run', 2],
];

/** What is given of a history; the rest is drawn. */
export interface Given {
  readonly mode: History['mode'];
  readonly proof?: History['proof'] | undefined;
}

/** Draws a history that has not begun. */
export function drawHistory(roll: Dice, { mode, proof }: Given): History {
  const unsignedCut = roll.chance(0.15);
  const flavour: Flavour = {
    pageSize: 2 + roll.below(6),
    cursors: roll.chance(0.8),
    impliesActive: roll.chance(0.5),
    both: roll.chance(0.25),
    unsignedCut,
    version: 1,
  };
  return {
    roll,
    world: makeWorld(roll, roll.one([3, 8, 15, 30])),
    model: makeModel(),
    engine: makeEngine(),
    mode,
    proof: proof ?? roll.one(['lookup', 'lookup', 'scans']),
    // Whom an unsigned cut leaves unasked is chosen by chance of the engine's own.
    lookups: unsignedCut || roll.chance(0.7) ? 200 : 3,
    flavour,
    columns: roll.one(RULES),
    lines: roll.one([20_000, 20_000, 6, 2]),
    promoted: new Map(),
    saved: new Map(),
    older: null,
    seq: 0,
    lost: false,
  };
}

function drawPlan(roll: Dice): Plan | null {
  if (roll.chance(0.3)) return null;
  const does = roll.chance(0.7) ? 'kill' : 'fail';
  const [point, most] = roll.one(does === 'kill' ? DEATHS : FAILURES);
  return { point, nth: 1 + roll.below(most), does };
}

function drawRequest({ roll, world }: History): Turn['request'] {
  const allowDeletes = roll.chance(0.15);
  if (roll.chance(0.1)) {
    const ids = [...world.people.keys()].filter(() => roll.chance(0.2));
    return { kind: 'resync', chosen: { ids: [...ids, 'nobody'] }, allowDeletes };
  }
  return { kind: roll.chance(0.1) ? 'backfill' : 'sync', allowDeletes };
}

/** Draws the next run. */
export function drawTurn(h: History): Turn {
  const { roll } = h;
  const during = new Map(roll.chance(0.3) ? [[1 + roll.below(4), 1 + roll.below(3)]] : []);
  const mood: Mood = {
    illFrom: roll.chance(0.1) ? 1 + roll.below(3) : Number.POSITIVE_INFINITY,
    forbidden: roll.chance(0.08),
    refusedCursors: roll.chance(0.1) ? 1 + roll.below(4) : 0,
  };
  return { plan: drawPlan(roll), mood, request: drawRequest(h), during };
}

/** A run of a source that rests, on a host where nothing happens. */
export const CALM: Turn = {
  plan: null,
  mood: { illFrom: Number.POSITIVE_INFINITY, forbidden: false, refusedCursors: 0 },
  request: { allowDeletes: true },
  during: new Map(),
};
