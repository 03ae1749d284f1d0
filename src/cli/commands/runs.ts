import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { Config, Connection } from '../../../config/types.ts';
import type { Facts, RunFact } from '../../../jobs/facts.ts';
import type { Journal } from '../../contract/journal.ts';
import type { Run } from '../../contract/run.ts';
import { ledgerFile } from '../../journal/ledger.ts';
import { globalsOf } from '../globals.ts';
import { lookInto } from '../ledgers.ts';
import { nextRun } from '../next-run.ts';
import { duration, print, runObject, table } from '../print.ts';
import { lookIntoQueue } from '../worker/queue-facts.ts';
import { chosen, configOf } from '../workplace.ts';

const listed = (run: Run): Record<string, unknown> => {
  const { source, trigger, scheduled_at, started_at, finished_at } = run;
  return { ...runObject(run), source, trigger, scheduled_at, started_at, finished_at };
};

/** `rollcall runs [connection]`: what ran, newest first. */
export async function runs(name: string | undefined, options: { limit: number }, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const found: Run[] = [];
  for (const connection of chosen(config, name === undefined ? [] : [name])) {
    found.push(...(lookInto(config, connection, (ledger) => ledger.runs(options.limit)) ?? []));
  }
  const newest = found.toSorted((a, b) => b.started_at.localeCompare(a.started_at)).slice(0, options.limit);
  if (globals.json) print(JSON.stringify(newest.map(listed)));
  else if (newest.length === 0) print('no runs yet: `rollcall sync` makes the first');
  else {
    const names = [
      'started',
      'connection',
      'kind',
      'outcome',
      'seen',
      'new',
      'changed',
      'gone',
      'back',
      'rejected',
      'took',
      'error',
    ];
    const rows = newest.map(({ counts, ...run }) => [
      run.started_at.slice(0, 19).replace('T', ' '),
      run.connection,
      run.kind,
      run.outcome ?? 'running',
      counts.seen,
      counts.inserted,
      counts.updated,
      counts.deleted,
      counts.restored,
      counts.rejected,
      duration(counts.duration_ms),
      run.error?.message ?? '',
    ]);
    print(table(names, rows));
  }
  return 0;
}

/** More runs than a day has on any sensible schedule. */
const RUNS_OF_A_DAY = 2000;

interface Status {
  readonly connection: string;
  readonly source: string;
  readonly last_run: { outcome: string; started_at: string; finished_at: string | null } | null;
  readonly fresh_at: string | null;
  readonly users: number;
  readonly changed_24h: number;
  readonly open_scan: { kind: string; pages: number; seen: number; moved_at: string } | null;
  readonly next_at: string | null;
  readonly trouble: string | null;
  /** Its schedule starts no runs. */
  readonly paused: boolean;
  /** Where this host keeps the ledger, or would. */
  readonly ledger: string;
  /** Where the ledger of the last run by a worker is, on whichever host. */
  readonly last_ledger: { host: string; file: string; at: string } | null;
}

function trouble(last: Run | undefined): string | null {
  if (last === undefined) return 'never ran';
  if (last.outcome === null) return 'running, or its process ended without a word';
  if (last.outcome === 'ok') return null;
  return last.error === null ? `the last run was ${last.outcome}` : `${last.outcome}: ${last.error.message}`;
}

/** Users changed by the runs that ended since then. */
function changedSince(past: readonly Run[], since: number): number {
  const recent = past.filter((run) => Date.parse(run.finished_at ?? '') >= since);
  return recent.reduce((sum, { counts: c }) => sum + c.inserted + c.updated + c.restored + c.deleted, 0);
}

/** What the queue knows of a connection. */
interface Known {
  readonly paused: boolean;
  readonly run: RunFact | null;
}

/** What a status is told from. */
interface Sources {
  readonly ledger: Journal | null;
  readonly next_at: string | null;
  readonly known: Known;
}

function statusOf(connection: Connection, folder: string, { ledger, next_at, known }: Sources): Status {
  const { paused, run } = known;
  const past = ledger?.runs(RUNS_OF_A_DAY) ?? [];
  const last = past[0];
  const scan = ledger?.scan() ?? null;
  return {
    connection: connection.name,
    source: connection.source.name,
    last_run:
      last === undefined
        ? null
        : { outcome: last.outcome ?? 'running', started_at: last.started_at, finished_at: last.finished_at },
    // Chosen users say nothing of the others.
    fresh_at: past.find((run) => run.outcome === 'ok' && run.kind !== 'resync')?.finished_at ?? null,
    users: ledger?.facts().live ?? 0,
    changed_24h: changedSince(past, Date.now() - 24 * 60 * 60_000),
    open_scan:
      scan === null
        ? null
        : { kind: scan.kind, pages: scan.pages, seen: ledger?.seenCount() ?? 0, moved_at: scan.moved_at },
    next_at,
    trouble: trouble(last),
    paused,
    ledger: ledgerFile(folder, connection.name),
    last_ledger: run === null ? null : { host: run.host, file: run.ledger, at: run.finished_at },
  };
}

/** The ledger's place where this host has it, else the one of the worker that ran last. */
function placeOf(status: Status): string {
  const { ledger, last_ledger } = status;
  if (last_ledger === null || (last_ledger.host === hostname() && last_ledger.file === ledger)) return ledger;
  return `${last_ledger.host}:${last_ledger.file}`;
}

async function allStatus(config: Config, facts: Facts | null): Promise<Status[]> {
  const [runs, paused] = [await facts?.allRuns(), await facts?.allPaused()];
  const all: Status[] = [];
  for (const connection of config.connections.values()) {
    const { name } = connection;
    const next_at = await nextRun(connection);
    const known = { paused: paused?.has(name) ?? false, run: runs?.get(name) ?? null };
    const of = (ledger: Journal | null): Status => statusOf(connection, config.state.dir, { ledger, next_at, known });
    all.push(lookInto(config, connection, of) ?? of(null));
  }
  return all;
}

/** `rollcall status`: how each connection is doing. */
export async function status(_options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const all = await lookIntoQueue(config, (facts) => allStatus(config, facts));
  if (globals.json) print(JSON.stringify(all));
  else {
    const names = [
      'connection',
      'source',
      'users',
      'changed 24 h',
      'fresh at',
      'last run',
      'open scan',
      'next run',
      'ledger',
      'trouble',
    ];
    const rows = all.map((s) => [
      s.connection,
      s.source,
      s.users.toLocaleString('en-US'),
      s.changed_24h.toLocaleString('en-US'),
      s.fresh_at?.slice(0, 19).replace('T', ' ') ?? 'never',
      s.last_run?.outcome ?? '',
      s.open_scan === null ? '' : `${s.open_scan.kind}, ${s.open_scan.pages} pages, ${s.open_scan.seen} users`,
      s.paused ? 'paused' : (s.next_at?.slice(0, 19).replace('T', ' ') ?? ''),
      placeOf(s),
      s.trouble ?? '',
    ]);
    print(table(names, rows));
  }
  return 0;
}
