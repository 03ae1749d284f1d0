import type { Run } from '../src/contract/run.ts';
import type { AlertFact, RunFact } from './facts.ts';
import type { AnyJob } from './queue/backend.ts';
import { UNTIL_TAKEN } from './retrying.ts';
import type { AlertData, Workshop } from './workshop.ts';

/** What is told of a connection. `recovered` follows any of the others. */
export type AlertState = 'failed' | 'refused' | 'stale' | 'recovered';

/** What the webhook receives. */
interface Alert {
  /** Of connection and state, the same however often it is sent. */
  readonly id: string;
  /** In one sentence, as Slack shows it. */
  readonly text: string;
  readonly connection: string;
  readonly source: string;
  readonly state: AlertState;
  /** When the connection came into this state. */
  readonly at: string;
  /** The run that brought it about; null for `stale`. */
  readonly run: Pick<
    Run,
    'run_id' | 'kind' | 'trigger' | 'outcome' | 'scheduled_at' | 'started_at' | 'finished_at' | 'error'
  > | null;
  /** End of the last run that was `ok`; null where there was none. */
  readonly last_ok_at: string | null;
  readonly host: string;
}

/** How long a webhook may take to answer, in ms. */
const PATIENCE_MS = 10_000;

const WORDS: Readonly<Record<AlertState, string>> = {
  failed: 'failed',
  refused: 'was refused by a guard, and nothing was deleted',
  stale: 'is stale',
  recovered: 'is well again',
};

/** A change of what is known of a connection. */
interface Change {
  readonly connection: string;
  readonly from: AlertFact | null;
  readonly to: Omit<AlertFact, 'pending'>;
  readonly state: AlertState;
  readonly run: Run | null;
  readonly last_ok_at: string | null;
  readonly detail: string;
}

function toldOf(run: Run): NonNullable<Alert['run']> {
  const { run_id, kind, trigger, outcome, scheduled_at, started_at, finished_at, error } = run;
  return { run_id, kind, trigger, outcome, scheduled_at, started_at, finished_at, error };
}

function alertOf(shop: Workshop, change: Change): Alert {
  const { connection, state, run, last_ok_at, detail, to } = change;
  const told = run === null ? null : toldOf(run);
  return {
    id: `${connection}:${state}`,
    text: `Rollcall: ${connection} ${WORDS[state]}${detail === '' ? '' : `: ${detail}`}`,
    connection,
    source: shop.config.connections.get(connection)?.source.name ?? '',
    state,
    at: to.since,
    run: told,
    last_ok_at,
    host: shop.tools.host,
  };
}

/** Hands over what is pending, once however often it is tried, and remembers that it was. */
async function handOver(shop: Workshop, connection: string, fact: AlertFact): Promise<void> {
  const { facts, alerts, config } = shop;
  if (fact.pending === null) return;
  if (config.alerts.webhook !== undefined) {
    const deduplication = { id: `${connection} ${fact.since}` };
    await alerts.add('alert', { body: fact.pending }, { ...UNTIL_TAKEN, deduplication, removeOnComplete: true });
  }
  await facts.moveAlert(connection, fact, { ...fact, pending: null });
}

/** Remembers the change and sends it on its way, unless another worker did. */
async function tell(shop: Workshop, change: Change): Promise<void> {
  const alert = alertOf(shop, change);
  const fact = { ...change.to, pending: alert };
  if (!(await shop.facts.moveAlert(change.connection, change.from, fact))) return;
  shop.tools.log.warn({ connection: alert.connection, state: alert.state }, alert.text);
  await handOver(shop, change.connection, fact);
}

/** A change that was remembered so long ago, in ms, and not handed over: its worker died in between. */
const FORGOTTEN_MS = 30_000;

/** Hands over what a worker that died left behind. */
export async function handOverForgotten(shop: Workshop): Promise<void> {
  const before = shop.tools.now() - FORGOTTEN_MS;
  for (const [connection, fact] of await shop.facts.allAlerts()) {
    if (fact.pending !== null && Date.parse(fact.since) < before) await handOver(shop, connection, fact);
  }
}

/** Tells of a run's end where it changes what is known of its connection. A run that found somebody else at work says nothing. */
export async function afterRun(shop: Workshop, run: Run, fact: RunFact): Promise<void> {
  const { outcome, connection } = run;
  if (outcome === null || outcome === 'interrupted' || run.error?.kind === 'busy') return;
  const from = await shop.facts.alert(connection);
  const trouble = from !== null && (from.state !== 'ok' || from.stale);
  const since = run.finished_at ?? new Date(shop.tools.now()).toISOString();
  const common = { connection, from, run, last_ok_at: fact.ok_at, detail: run.error?.message ?? '' };
  if (outcome === 'ok') {
    // A lookup of chosen users says nothing of the listing.
    if (!trouble || run.kind === 'resync') return;
    await tell(shop, { ...common, to: { state: 'ok', stale: false, since }, state: 'recovered', detail: '' });
    return;
  }
  if (from?.state === outcome) return;
  await tell(shop, { ...common, to: { state: outcome, stale: from?.stale ?? false, since }, state: outcome });
}

/** Tells that a connection had no `ok` run for too long; once, until it had one. */
export async function tellStale(shop: Workshop, connection: string, last_ok_at: string | null): Promise<void> {
  const from = await shop.facts.alert(connection);
  if (from?.stale === true) return;
  const since = new Date(shop.tools.now()).toISOString();
  const detail =
    last_ok_at === null ? 'no run has been ok yet' : `no run has been ok since ${last_ok_at.slice(0, 19)}Z`;
  await tell(shop, {
    connection,
    from,
    to: { state: from?.state ?? 'ok', stale: true, since },
    state: 'stale',
    run: null,
    last_ok_at,
    detail,
  });
}

/** Posts one alert. Whatever is not taken with a status of 2xx is sent again later. */
export async function handleAlert(shop: Workshop, job: AnyJob<AlertData, number>): Promise<number> {
  const { webhook } = shop.config.alerts;
  if (webhook === undefined) return 0;
  const answer = await fetch(webhook, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(job.data.body),
    signal: AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), shop.stopping]),
    // A webhook's address is a secret of its own: it is not carried to another host.
    redirect: 'error',
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`the webhook of alerts answered ${answer.status}`);
  return answer.status;
}
