import { readLedgerIfThere } from '../src/journal/ledger.ts';
import { tellStale } from './alerts.ts';
import { unhurried } from './breathe.ts';
import { MAX_SPREAD_MS, type Pattern, timesAfter } from './cron-times.ts';
import { scheduled } from './schedules.ts';
import type { Workshop } from './workshop.ts';

/** What a run is given to end in, beyond its time and its place in the spread: a part of the interval, up to this, in ms. */
const MOST_GRACE_MS = 60_000;

/** Runs of the ledger that are looked at for one that a command made. */
const LOOKED_AT = 50;

/** End of the last `ok` run that anybody made on this host, `rollcall sync` included. */
function okByHand(shop: Workshop, name: string, source: string): string | null {
  const place = { connection: name, source, folder: shop.config.state.dir };
  const runs = readLedgerIfThere(place, (ledger) => ledger.runs(LOOKED_AT)) ?? [];
  return runs.find((run) => run.outcome === 'ok' && run.kind !== 'resync')?.finished_at ?? null;
}

/** True where so many times of a schedule have passed since the connection was last well, at `from` (ms). */
async function isStale(shop: Workshop, pattern: Pattern, from: number): Promise<boolean> {
  const { alerts, worker } = shop.config;
  const now = shop.tools.now();
  let left = Math.ceil(alerts.stale_after);
  let before = from;
  // Mostly none has passed. Where thousands must, each of them takes its while.
  for await (const due of unhurried(timesAfter(pattern, from))) {
    if (due > now) return false;
    left -= 1;
    const interval = due - before;
    if (left === 0)
      return now >= due + Math.min(MAX_SPREAD_MS, worker.spread * interval) + Math.min(MOST_GRACE_MS, interval / 2);
    before = due;
  }
  return false;
}

/** Tells of every connection that had no `ok` run for too many intervals of its schedule. */
export async function checkFreshness(shop: Workshop): Promise<void> {
  const { facts } = shop;
  const [runs, ticks, paused] = [await facts.allRuns(), await facts.allTicks(), await facts.allPaused()];
  const alerts = await facts.allAlerts();
  for await (const connection of unhurried(scheduled(shop))) {
    const { name, source } = connection;
    const since = ticks.get(name)?.since;
    if (since === undefined || paused.has(name) || alerts.get(name)?.stale === true) continue;
    const after = (ok_at: string | null): number => Math.max(Date.parse(since), ok_at === null ? 0 : Date.parse(ok_at));
    const known = runs.get(name)?.ok_at ?? null;
    if (!(await isStale(shop, connection, after(known)))) continue;
    // Only now is the ledger worth a look: a run by hand is not among the worker's own.
    const byHand = okByHand(shop, name, source.name);
    const last =
      [known, byHand]
        .filter((at) => at !== null)
        .toSorted()
        .at(-1) ?? null;
    if (await isStale(shop, connection, after(last))) await tellStale(shop, name, last);
  }
}

/** Seconds since the last `ok` run, by connection. */
export async function freshness(
  shop: Pick<Workshop, 'facts' | 'tools' | 'config'>,
): Promise<ReadonlyMap<string, number>> {
  const found = [...(await shop.facts.allRuns())].filter(([name]) => shop.config.connections.has(name));
  return new Map(
    found.flatMap(([name, { ok_at }]) =>
      ok_at === null ? [] : [[name, Math.max(0, (shop.tools.now() - Date.parse(ok_at)) / 1000)] as const],
    ),
  );
}
