import { readFileSync, writeFileSync } from 'node:fs';
import { CronExpressionParser } from 'cron-parser';
import { afterEach, describe, expect, test } from 'vitest';
import type { AnyJob } from '../../jobs/queue/backend.ts';
import type { TickData } from '../../jobs/requests.ts';
import { handleTick } from '../../jobs/schedules.ts';
import type { Workshop } from '../../jobs/workshop.ts';
import { start } from '../support/pylon.ts';
import { configOfHome, type OwnWorker, ownWorker } from '../support/queues.ts';
import { eventually, workerHome } from '../support/workers.ts';

const workers: OwnWorker[] = [];

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
});

const SCHEDULES = [
  { schedule: '*/10 * * * *', timezone: 'UTC' },
  { schedule: '5,35 * * * *', timezone: 'Europe/Berlin' },
  { schedule: '0 * * * *', timezone: 'Asia/Kolkata' },
  { schedule: '15 30 */2 * * *', timezone: 'America/New_York' },
  { schedule: '59 23 * * *', timezone: 'UTC' },
] as const;

/** An hour that lies ahead, so that no run of today has done its work already. */
const FROM = Date.UTC(2031, 4, 7, 12);
const TO = FROM + 3600_000;

/** Every time in the hour at which a schedule is due. */
function timesOf({ schedule, timezone }: (typeof SCHEDULES)[number]): number[] {
  const times: number[] = [];
  const cron = CronExpressionParser.parse(schedule, { tz: timezone, currentDate: new Date(FROM - 1) });
  for (let at = cron.next().getTime(); at < TO; at = cron.next().getTime()) times.push(at);
  return times;
}

const tick = (connection: string, at: number): AnyJob<TickData, string> =>
  // What a handler looks at of a job that the scheduler made.
  ({ data: { connection }, opts: { prevMillis: at }, timestamp: at, delay: 0 }) as AnyJob<TickData, string>;

async function isIdle({ shop }: OwnWorker): Promise<boolean> {
  const { active, waiting, prioritized, delayed } = await shop.runs.getJobCounts();
  return Number(active) + Number(waiting) + Number(prioritized) + Number(delayed) === 0;
}

describe('an hour', () => {
  test('of fifty connections with mixed schedules has one run for each time that one is due, twice ticked or not', {
    timeout: 180_000,
  }, async () => {
    const api = await start({ users: 3, seed: 1 });
    const home = workerHome(api);
    const lines = Array.from({ length: 50 }, (_, i) => {
      const { schedule, timezone } = SCHEDULES[i % SCHEDULES.length] ?? SCHEDULES[0];
      return `  c${i}: { source: pylon, token: "\${PYLON_TOKEN}", base_url: "${api.url}", schedule: "${schedule}", timezone: ${timezone} }`;
    });
    const text = readFileSync(home.config, 'utf8');
    writeFileSync(home.config, `${text.slice(0, text.indexOf('  support:'))}${lines.join('\n')}\n`);
    const worker = await ownWorker(await configOfHome(home));
    workers.push(worker);
    const due = Array.from({ length: 50 }, (_, i) => ({
      name: `c${i}`,
      times: timesOf(SCHEDULES[i % SCHEDULES.length] ?? SCHEDULES[0]),
    }));
    const moments = [...new Set(due.flatMap(({ times }) => times))].toSorted((a, b) => a - b);
    for (const moment of moments) {
      const shop: Workshop = { ...worker.shop, tools: { ...worker.shop.tools, now: () => moment + 120_000 } };
      const names = due.filter(({ times }) => times.includes(moment)).map(({ name }) => name);
      // Two workers may both hear a tick that was taken up again.
      await Promise.all([...names, ...names].map((name) => handleTick(shop, tick(name, moment))));
      // States are counted one after the other: a job that changes its state meanwhile may be missed once.
      await eventually(async () => (await isIdle(worker)) && (await isIdle(worker)), 'the moment is over', 120_000);
    }
    await worker.stop();
    workers.pop();
    const rows = await home.rows(
      'select connection, epoch_ms(scheduled_at) as at, outcome from sync_runs order by connection, scheduled_at',
    );
    const expected = due.flatMap(({ name, times }) => times.map((at) => ({ connection: name, at, outcome: 'ok' })));
    const order = (row: { connection?: unknown; at?: unknown }): string => `${row.connection} ${row.at}`;
    expect(rows.toSorted((a, b) => order(a).localeCompare(order(b)))).toEqual(
      expected.toSorted((a, b) => order(a).localeCompare(order(b))),
    );
    expect(expected.length).toBeGreaterThan(80);
  });
});
