import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, vi } from 'vitest';
import { CALM, drawHistory, drawTurn, type Given, RULES } from './draws.ts';
import type { Engine } from './engine.ts';
import { type History, takeTurn } from './turns.ts';
import { dice } from './world.ts';

const JUMPS = [0, 0, 1000, 3_600_000, 3 * 86_400_000, -1000, -7_200_000, -10 * 86_400_000];

/** What a first run left behind that died when it had made the tables. */
let begun: Promise<History> | null = null;

afterAll(async () => {
  (await begun)?.engine.remove();
  begun = null;
});

async function dieEarly(given: Given): Promise<History> {
  const h = drawHistory(dice(0), given);
  await takeTurn(h, { ...CALM, plan: { point: 'after note', nth: 1, does: 'kill' } });
  return h;
}

/** Begins a history. Making the tables takes a good part of its time: most histories begin where they are made. */
export async function beginHistory(seed: number, given: Given): Promise<History> {
  const roll = dice(seed);
  const h = drawHistory(roll, given);
  if (roll.chance(0.2) || (await h.engine.warehouse).file === null) return h;
  begun ??= dieEarly(given);
  const { engine, saved } = await begun;
  cpSync(engine.folder, h.engine.folder, { recursive: true });
  for (const [run_id, run] of saved) h.saved.set(run_id, run);
  return h;
}

function cut({ roll, world }: History): void {
  world.hidden.clear();
  if (!roll.chance(0.2)) return;
  const share = roll.one([0.1, 0.5, 1]);
  for (const id of world.people.keys()) if (roll.chance(share)) world.hidden.add(id);
}

async function sentRuns(engine: Engine): Promise<ReadonlySet<unknown>> {
  if (!(await (await engine.warehouse).exists())) return new Set();
  const made = await engine.query(
    "select 1 from duckdb_tables() where schema_name = current_schema() and table_name = 'sync_runs'",
  );
  if (made.length === 0) return new Set();
  return new Set((await engine.query('select run_id from sync_runs')).map(({ run_id }) => run_id));
}

/** Another host, an older backup, a crash of the disk: the ledger is not what it was. */
async function loseLedger(h: History): Promise<void> {
  const { roll, engine, older, saved, seq } = h;
  const lost = roll.chance(0.08);
  const restored = older !== null && older.seq < seq && roll.chance(0.3);
  if (!lost && !restored) return;
  h.lost = true;
  rmSync(engine.state, { recursive: true, force: true });
  if (!lost && older !== null) cpSync(older.folder, engine.state, { recursive: true });
  // Runs that only the ledger knew are lost with it.
  const known = await sentRuns(engine);
  for (const run_id of saved.keys()) if (!known.has(run_id)) saved.delete(run_id);
  if (lost) return;
  for (const [run_id, run] of older?.saved ?? []) if (!known.has(run_id)) saved.set(run_id, run);
}

function changeRecipe(h: History): void {
  if (h.roll.chance(0.5)) h.columns = h.roll.one(RULES);
  else h.flavour = { ...h.flavour, version: h.flavour.version + 1 };
}

function keepCopy(h: History): void {
  if (h.older !== null || h.model.pendingCount() > 0 || !existsSync(h.engine.state)) return;
  const folder = join(h.engine.folder, 'older');
  cpSync(h.engine.state, folder, { recursive: true });
  h.older = { folder, seq: h.seq, saved: new Map(h.saved) };
}

/** Lives through a history of runs, then lets the source rest until there is nothing left to do. */
export async function live(h: History, turns: number): Promise<void> {
  const { roll, world } = h;
  for (let turn = 0; turn < turns; turn += 1) {
    for (let i = roll.below(7); i > 0; i -= 1) world.mutate();
    cut(h);
    if (turn > 0) await loseLedger(h);
    if (turn > 0 && roll.chance(0.12)) changeRecipe(h);
    vi.setSystemTime(Date.now() + 60_000 + roll.one(JUMPS));
    const run = await takeTurn(h, drawTurn(h));
    if (run !== null && roll.chance(0.5)) keepCopy(h);
  }
  world.hidden.clear();
  world.order = [...new Set(world.order)];
  let quiet = 0;
  for (let rest = 0; rest < 6; rest += 1) {
    vi.setSystemTime(Date.now() + 60_000);
    const run = await takeTurn(h, CALM);
    // A scan that was left open has met users of another order; such a one is given up and begun anew.
    const givenUp = rest === 0 && run?.error?.message.includes('as an earlier page') === true;
    if (!givenUp) expect(run?.outcome, JSON.stringify(run?.error)).toBe('ok');
    quiet = run?.counts.batches === 0 ? quiet + 1 : 0;
    // Of two scans that prove an absence the first changes nothing.
    if (quiet < 2) continue;
    expect(run?.counts.statements, 'statements of a run that found nothing to change').toBe(0);
    return;
  }
  throw new Error('the history does not come to rest');
}
