import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { Config, Connection } from '../../../config/types.ts';
import type { Facts } from '../../../jobs/facts.ts';
import type { Journal } from '../../contract/journal.ts';
import type { Run } from '../../contract/run.ts';
import { RollcallError } from '../../errors.ts';
import { ledgerFile } from '../../journal/ledger.ts';
import { globalsOf } from '../globals.ts';
import { lookInto } from '../ledgers.ts';
import { nextRun } from '../next-run.ts';
import { oneLine, print, table } from '../print.ts';
import { lookIntoQueue } from '../worker/queue-facts.ts';
import { configOf } from '../workplace.ts';

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

function troubleOf(run: Run): string | null {
  if (run.outcome === null) return 'running, or its process ended without a word';
  if (run.outcome === 'ok') return null;
  return run.error === null ? `the last run was ${run.outcome}` : `${run.outcome}: ${run.error.message}`;
}

/** Of the last run, and of the last scan where that was another: chosen users say nothing of the others. */
function trouble(past: readonly Run[]): string | null {
  const [last] = past;
  if (last === undefined) return 'never ran';
  const scan = past.find((run) => run.kind !== 'resync');
  const before = scan === undefined || scan === last ? null : troubleOf(scan);
  const said = [troubleOf(last), before === null ? null : `the last scan was ${before}`];
  const words = said.filter((each) => each !== null);
  return words.length === 0 ? null : words.join('; ');
}

/** Users changed by the runs that ended since then. */
function changedSince(past: readonly Run[], since: number): number {
  const recent = past.filter((run) => Date.parse(run.finished_at ?? '') >= since);
  return recent.reduce((sum, { counts: c }) => sum + c.inserted + c.updated + c.restored + c.deleted, 0);
}

type OfLedger = Omit<Status, 'connection' | 'source' | 'next_at' | 'paused' | 'ledger' | 'last_ledger'>;

const UNKNOWN: OfLedger = {
  last_run: null,
  fresh_at: null,
  users: 0,
  changed_24h: 0,
  open_scan: null,
  trouble: 'never ran',
};

function ofLedger(ledger: Journal): OfLedger {
  const past = ledger.runs(RUNS_OF_A_DAY);
  const last = past[0];
  const scan = ledger.scan();
  return {
    last_run:
      last === undefined
        ? null
        : { outcome: last.outcome ?? 'running', started_at: last.started_at, finished_at: last.finished_at },
    fresh_at: past.find((run) => run.outcome === 'ok' && run.kind !== 'resync')?.finished_at ?? null,
    users: ledger.facts().live,
    changed_24h: changedSince(past, Date.now() - 24 * 60 * 60_000),
    open_scan:
      scan === null ? null : { kind: scan.kind, pages: scan.pages, seen: ledger.seenCount(), moved_at: scan.moved_at },
    trouble: trouble(past),
  };
}

/** What the ledger says; one that cannot be read is a trouble of its connection alone. */
function look(config: Config, connection: Connection): OfLedger {
  try {
    return lookInto(config, connection, ofLedger) ?? UNKNOWN;
  } catch (error) {
    if (!(error instanceof RollcallError)) throw error;
    return { ...UNKNOWN, trouble: error.message };
  }
}

const COLUMNS = [
  'connection',
  'source',
  'users',
  'changed 24 h',
  'fresh at',
  'last run',
  'open scan',
  'next run',
  'ledger',
];

/** The ledger's place where this host has it, else the one of the worker that ran last. */
function placeOf({ ledger, last_ledger: last }: Status): string {
  if (last === null || (last.host === hostname() && last.file === ledger)) return ledger;
  return `${last.host}:${last.file}`;
}

function row(s: Status): unknown[] {
  return [
    s.connection,
    s.source,
    s.users.toLocaleString('en-US'),
    s.changed_24h.toLocaleString('en-US'),
    s.fresh_at?.slice(0, 19).replace('T', ' ') ?? 'never',
    s.last_run?.outcome ?? '',
    s.open_scan === null ? '' : `${s.open_scan.kind}, ${s.open_scan.pages} pages, ${s.open_scan.seen} users`,
    s.paused ? 'paused' : (s.next_at?.slice(0, 19).replace('T', ' ') ?? ''),
    placeOf(s),
  ];
}

async function allStatus(config: Config, facts: Facts | null): Promise<Status[]> {
  const [runs, paused] = [await facts?.allRuns(), await facts?.allPaused()];
  const all: Status[] = [];
  for (const connection of config.connections.values()) {
    const { name, source } = connection;
    const run = runs?.get(name);
    all.push({
      connection: name,
      source: source.name,
      ...look(config, connection),
      next_at: await nextRun(connection),
      paused: paused?.has(name) ?? false,
      ledger: ledgerFile(config.state.dir, name),
      last_ledger: run === undefined ? null : { host: run.host, file: run.ledger, at: run.finished_at },
    });
  }
  return all;
}

/** `rollcall status`: how each connection is doing. */
export async function status(_options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const all = await lookIntoQueue(config, (facts) => allStatus(config, facts));
  if (globals.json) {
    print(JSON.stringify(all));
    return 0;
  }
  print(table(COLUMNS, all.map(row)));
  const troubled = all.filter((s) => s.trouble !== null);
  if (troubled.length > 0) print('');
  for (const { connection, trouble: words } of troubled) print(`${connection}: ${oneLine(words ?? '')}`);
  return 0;
}
