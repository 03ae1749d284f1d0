import type { Connection } from '../../config/types.ts';

/** When a connection's schedule starts it next (RFC 3339); null without a schedule. The parser is the queue's own. */
export async function nextRun({ schedule, timezone }: Connection): Promise<string | null> {
  if (schedule === undefined) return null;
  const { CronExpressionParser } = await import('cron-parser');
  return CronExpressionParser.parse(schedule, { tz: timezone }).next().toDate().toISOString();
}
