import { readLedgerIfThere } from '../src/journal/ledger.ts';
import { tellStale } from './alerts.ts';
import { unhurried } from './breathe.ts';
import { MAX_SPREAD_MS, nthAfter } from './cron-times.ts';
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

/** When a connection that was last well at `from` (ms) is stale. */
function staleAt(pattern: { schedule: string; timezone: string }, from: number, missed: number, share: number): number {
  const { at, interval } = nthAfter(pattern, from, Math.ceil(missed));
  return at + Math.min(MAX_SPREAD_MS, share * interval) + Math.min(MOST_GRACE_MS, interval / 2);
}

/** Tells of every connection that had no `ok` run for too many intervals of its schedule. */
export async function checkFreshness(shop: Workshop): Promise<void> {
  const { config, facts, tools } = shop;
  const [runs, ticks, paused] = [await facts.allRuns(), await facts.allTicks(), await facts.allPaused()];
  for await (const connection of unhurried(scheduled(shop))) {
    const { name, source } = connection;
    const since = ticks.get(name)?.since;
    if (since === undefined || paused.has(name)) continue;
    const isStale = (ok_at: string | null): boolean => {
      const from = Math.max(Date.parse(since), ok_at === null ? 0 : Date.parse(ok_at));
      return tools.now() >= staleAt(connection, from, config.alerts.stale_after, config.worker.spread);
    };
    const known = runs.get(name)?.ok_at ?? null;
    if (!isStale(known)) continue;
    // Only now is the ledger worth a look: a run by hand is not among the worker's own.
    const byHand = okByHand(shop, name, source.name);
    const last =
      [known, byHand]
        .filter((at) => at !== null)
        .toSorted()
        .at(-1) ?? null;
    if (isStale(last)) await tellStale(shop, name, last);
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
