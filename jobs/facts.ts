import type { Outcome, Run, RunKind, Trigger } from '../src/contract/run.ts';
import type { Store } from './store/store.ts';

/** The last run of a connection that a worker made. Times are RFC 3339. */
export interface RunFact {
  readonly job_id: string;
  readonly run_id: string;
  readonly kind: RunKind;
  readonly trigger: Trigger;
  readonly outcome: Outcome;
  readonly scheduled_at: string | null;
  readonly started_at: string;
  readonly finished_at: string;
  /** End of the last sync or backfill that was `ok`. */
  readonly ok_at: string | null;
  /** Start of the last run that the schedule started. */
  readonly schedule_at: string | null;
  /** Where the ledger is that the run used. */
  readonly host: string;
  readonly ledger: string;
  /** The run itself: the result of its job, also where the job's own life ended before it could say so. */
  readonly run: Run;
}

/** The last time that a schedule was due and dealt with. */
export interface TickFact {
  readonly schedule: string;
  readonly timezone: string;
  /** When the schedule was first kept, or became what it is. */
  readonly since: string;
  readonly at: string;
}

/** What the world was told of a connection. */
export interface AlertFact {
  readonly state: 'ok' | 'failed' | 'refused';
  readonly stale: boolean;
  readonly since: string;
  /** What the webhook has yet to take, oldest first. */
  readonly pending: readonly object[];
}

/** Facts of one connection each, as they are used here; the store keeps them as text. */
export interface Facts {
  /** Names the schedules of the configuration that a worker was last started with; null where nothing is known. */
  kept(): Promise<string | null>;
  setKept(schedules: string): Promise<void>;
  paused(name: string): Promise<boolean>;
  setPaused(name: string, since: string | null): Promise<void>;
  allPaused(): Promise<ReadonlySet<string>>;
  run(name: string): Promise<RunFact | null>;
  setRun(name: string, fact: RunFact): Promise<void>;
  allRuns(): Promise<ReadonlyMap<string, RunFact>>;
  tick(name: string): Promise<TickFact | null>;
  allTicks(): Promise<ReadonlyMap<string, TickFact>>;
  setTick(name: string, fact: TickFact | null): Promise<void>;
  alert(name: string): Promise<AlertFact | null>;
  allAlerts(): Promise<ReadonlyMap<string, AlertFact>>;
  /** False when another worker changed it first. */
  moveAlert(name: string, from: AlertFact | null, to: AlertFact): Promise<boolean>;
}

// Every text of a kind was written by the function beside the one that reads it.
const parsed = <T>(text: string | null): T | null => (text === null ? null : (JSON.parse(text) as T));

const parsedAll = <T>(texts: ReadonlyMap<string, string>): ReadonlyMap<string, T> =>
  new Map([...texts].map(([name, text]) => [name, JSON.parse(text) as T]));

/** The facts in a store. */
export function makeFacts(store: Pick<Store, 'all' | 'get' | 'put' | 'swap'>): Facts {
  return {
    kept: () => store.get('kept', 'schedules'),
    setKept: (schedules) => store.put('kept', 'schedules', schedules),
    paused: async (name) => (await store.get('paused', name)) !== null,
    setPaused: (name, since) => store.put('paused', name, since),
    allPaused: async () => new Set((await store.all('paused')).keys()),
    run: async (name) => parsed<RunFact>(await store.get('run', name)),
    setRun: (name, fact) => store.put('run', name, JSON.stringify(fact)),
    allRuns: async () => parsedAll<RunFact>(await store.all('run')),
    tick: async (name) => parsed<TickFact>(await store.get('tick', name)),
    allTicks: async () => parsedAll<TickFact>(await store.all('tick')),
    setTick: (name, fact) => store.put('tick', name, fact === null ? null : JSON.stringify(fact)),
    alert: async (name) => parsed<AlertFact>(await store.get('alert', name)),
    allAlerts: async () => parsedAll<AlertFact>(await store.all('alert')),
    moveAlert: (name, from, to) =>
      store.swap('alert', name, from === null ? null : JSON.stringify(from), JSON.stringify(to)),
  };
}
