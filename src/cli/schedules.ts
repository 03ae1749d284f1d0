import type { Config } from '../../config/types.ts';
import { unhurried } from '../../jobs/breathe.ts';
import type { Facts } from '../../jobs/facts.ts';
import { lookInto } from './ledgers.ts';
import { nextRun } from './next-run.ts';

/** A connection's schedule, as `schedules --json` prints it. */
export interface ScheduleLine {
  readonly connection: string;
  readonly schedule: string;
  readonly timezone: string;
  readonly next_at: string | null;
  /** Start of the last run that the schedule started. */
  readonly last_at: string | null;
  readonly paused?: true;
}

/** Every schedule of a configuration. Without the queue's facts (it is away) only this host's ledgers tell of the past. */
export async function schedulesOf(
  config: Config,
  facts: Pick<Facts, 'allRuns' | 'allPaused'> | null,
): Promise<ScheduleLine[]> {
  const [runs, paused] = [(await facts?.allRuns()) ?? new Map(), (await facts?.allPaused()) ?? new Set()];
  const lines: ScheduleLine[] = [];
  for await (const connection of unhurried(config.connections.values())) {
    const { name, schedule, timezone } = connection;
    if (schedule === undefined) continue;
    const mine = lookInto(config, connection, (ledger) =>
      ledger.runs(RECENT).find(({ trigger }) => trigger === 'schedule'),
    );
    const known = [runs.get(name)?.schedule_at, mine?.started_at].filter((at) => typeof at === 'string');
    lines.push({
      connection: name,
      schedule,
      timezone,
      next_at: await nextRun(connection),
      last_at: known.toSorted().at(-1) ?? null,
      ...(paused.has(name) ? { paused: true as const } : {}),
    });
  }
  return lines;
}

/** Runs of a ledger among which the last one of the schedule is looked for. */
const RECENT = 100;
