import { type Inspection, report } from './inspection.ts';
import type { Connection } from './types.ts';

/** Why a pattern cannot be a schedule, in the words of the queue's own parser; null when it can. */
function problem(parse: (pattern: string) => { next(): unknown }, pattern: string): string | null {
  // A hashed field has another value each time it is read.
  if (/\bH\b/i.test(pattern)) return 'has an H, which stands for no time: write the field out';
  try {
    parse(pattern).next();
    return null;
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return `is no schedule: ${words.replace(/\.$/, '')}`;
  }
}

/**
 * Reads each schedule with the parser that the queue uses, which alone knows what it will accept. It is loaded only
 * where there is a schedule.
 */
export async function checkSchedules(
  inspection: Inspection,
  connections: ReadonlyMap<string, Connection>,
): Promise<void> {
  const scheduled = [...connections.values()].filter(({ schedule }) => schedule !== undefined);
  if (scheduled.length === 0) return;
  const { CronExpressionParser } = await import('cron-parser');
  for (const { name, schedule = '', timezone } of scheduled) {
    const found = problem((pattern) => CronExpressionParser.parse(pattern, { tz: timezone }), schedule);
    if (found !== null) report(inspection, ['connections', name, 'schedule'], found);
  }
}
