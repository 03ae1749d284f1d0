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

/** Sees to it that what is pending of a connection is on its way: one job a connection, so that its alerts arrive in order. */
async function send(shop: Workshop, connection: string): Promise<void> {
  const deduplication = { id: connection };
  await shop.alerts.add('alert', { connection }, { ...UNTIL_TAKEN, deduplication, removeOnComplete: true });
}

/** A webhook that has been away for so long gets the newest only, so many of a connection. */
const MOST_PENDING = 100;

/** Remembers the change and sends it on its way; false where what was known of the connection is not so any more. */
async function tell(shop: Workshop, change: Change): Promise<boolean> {
  const { connection, from } = change;
  const { log } = shop.tools;
  const alert = alertOf(shop, change);
  const waiting = shop.config.alerts.webhook === undefined ? [] : [...(from?.pending ?? []), alert];
  const pending = waiting.slice(-MOST_PENDING);
  if (!(await shop.facts.moveAlert(connection, from, { ...change.to, pending }))) return false;
  log.warn({ connection, state: alert.state }, alert.text);
  if (pending.length < waiting.length)
    log.warn({ connection }, `the webhook takes nothing: only the newest ${MOST_PENDING} alerts are kept for it`);
  if (pending.length > 0) await send(shop, connection);
  return true;
}

/** A change that was remembered so long ago, in ms, and is still pending: its worker may have died before it was on its way. */
const FORGOTTEN_MS = 30_000;

/** Sends on its way what a worker that died left behind. */
export async function sendForgotten(shop: Workshop): Promise<void> {
  const before = shop.tools.now() - FORGOTTEN_MS;
  for (const [connection, { pending, since }] of await shop.facts.allAlerts())
    if (pending.length > 0 && Date.parse(since) < before) await send(shop, connection);
}

/** What a run's end changes in what is known of its connection; null where it changes nothing. */
function changeBy(run: Run, from: AlertFact | null, at: string): Pick<Change, 'to' | 'state'> | null {
  const { outcome } = run;
  // A run that found somebody else at work says nothing.
  if (outcome === null || outcome === 'interrupted' || run.error?.kind === 'busy') return null;
  const since = run.finished_at ?? at;
  if (outcome !== 'ok') {
    if (from?.state === outcome) return null;
    return { to: { state: outcome, stale: from?.stale ?? false, since }, state: outcome };
  }
  const trouble = from !== null && (from.state !== 'ok' || from.stale);
  // A lookup of chosen users says nothing of the listing.
  if (!trouble || run.kind === 'resync') return null;
  return { to: { state: 'ok', stale: false, since }, state: 'recovered' };
}

/** Tells of a run's end where it changes what is known of its connection. */
export async function afterRun(shop: Workshop, run: Run, fact: RunFact): Promise<void> {
  const { connection } = run;
  const detail = run.error?.message ?? '';
  for (;;) {
    const from = await shop.facts.alert(connection);
    const change = changeBy(run, from, new Date(shop.tools.now()).toISOString());
    if (change === null) return;
    if (await tell(shop, { ...change, connection, from, run, last_ok_at: fact.ok_at, detail })) return;
  }
}

/** Tells that a connection had no `ok` run for too long; once, until it had one. */
export async function tellStale(shop: Workshop, connection: string, last_ok_at: string | null): Promise<void> {
  const detail =
    last_ok_at === null ? 'no run has been ok yet' : `no run has been ok since ${last_ok_at.slice(0, 19)}Z`;
  for (;;) {
    const from = await shop.facts.alert(connection);
    if (from?.stale === true) return;
    const to = { state: from?.state ?? 'ok', stale: true, since: new Date(shop.tools.now()).toISOString() } as const;
    if (await tell(shop, { connection, from, to, state: 'stale', run: null, last_ok_at, detail })) return;
  }
}

/** What the webhook is being told when the worker is asked to stop may be taken already: its answer is waited for, in ms. */
const LAST_ANSWER_MS = 5000;

/** Why nobody answered, in words; what was answered stays as it is. */
function unheard(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error.name === 'TimeoutError')
    return new Error(`the webhook of alerts did not answer within ${PATIENCE_MS / 1000} s`, { cause: error });
  if (!(error instanceof TypeError)) return error;
  const why = error.cause instanceof Error ? error.cause.message : error.message;
  return new Error(`the webhook of alerts cannot be reached (${why})`, { cause: error });
}

/** Posts one alert. What is not taken with a status of 2xx is an error. */
async function post({ stopping }: Workshop, webhook: string, body: object): Promise<void> {
  stopping.throwIfAborted();
  const late = new AbortController();
  const soon = (): void => void setTimeout(() => late.abort(), LAST_ANSWER_MS).unref();
  stopping.addEventListener('abort', soon, { once: true });
  try {
    const answer = await fetch(webhook, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), late.signal]),
      // A webhook's address is a secret of its own: it is not carried to another host.
      redirect: 'error',
    });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`the webhook of alerts answered ${answer.status}`);
  } catch (error) {
    throw unheard(error);
  } finally {
    stopping.removeEventListener('abort', soon);
  }
}

/** Takes an alert off that the webhook has; while it is being told, others may have come behind it. */
async function taken(shop: Workshop, connection: string, told: object): Promise<void> {
  for (;;) {
    const fact = await shop.facts.alert(connection);
    const [oldest, ...rest] = fact?.pending ?? [];
    if (fact === null || JSON.stringify(oldest) !== JSON.stringify(told)) return;
    if (await shop.facts.moveAlert(connection, fact, { ...fact, pending: rest })) return;
  }
}

/** Posts what is pending of a connection, oldest first. What is not taken is sent again later, and what follows it waits. */
export async function handleAlert(shop: Workshop, job: AnyJob<AlertData, number>): Promise<number> {
  const { webhook } = shop.config.alerts;
  const { connection } = job.data;
  for (let count = 0; ; count += 1) {
    const [oldest] = (await shop.facts.alert(connection))?.pending ?? [];
    if (oldest === undefined) return count;
    if (webhook !== undefined) await post(shop, webhook, oldest);
    await taken(shop, connection, oldest);
  }
}
