import type { Command } from 'commander';
import { globalsOf } from '../globals.ts';
import { print, table } from '../print.ts';
import { schedulesOf } from '../schedules.ts';
import { lookIntoQueue } from '../worker/queue-facts.ts';
import { configOf } from '../workplace.ts';

const short = (at: string | null): string => at?.slice(0, 19).replace('T', ' ') ?? '';

/** `rollcall schedules`: when each schedule starts its connection next. */
export async function schedules(_options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const lines = await lookIntoQueue(config, (facts) => schedulesOf(config, facts));
  if (globals.json) print(JSON.stringify(lines));
  else if (lines.length === 0)
    print('no connection has a schedule: set `schedule` of those that `rollcall worker` is to run');
  else {
    const rows = lines.map(({ connection, schedule, timezone, next_at, last_at, paused }) => [
      connection,
      schedule,
      timezone,
      short(next_at),
      short(last_at),
      paused === true ? 'paused' : '',
    ]);
    print(table(['connection', 'schedule', 'timezone', 'next (UTC)', 'last (UTC)', ''], rows));
  }
  return 0;
}
