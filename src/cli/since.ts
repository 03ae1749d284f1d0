import { z } from 'zod';
import { RollcallError } from '../errors.ts';

const day = z.iso.date();
/** With its offset: what a place calls eight o'clock is no instant. */
const instant = z.iso.datetime({ offset: true });

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** A time as people give it: a span back from now (`30m`, `24h`, `7d`, `2w`), a date (from its midnight, UTC) or an instant. RFC 3339. */
export function since(text: string, now: number = Date.now()): string {
  const span = /^(\d+)([mhdw])$/.exec(text);
  const unit = UNITS[span?.[2] ?? ''];
  if (span !== null && unit !== undefined) return new Date(Math.max(0, now - Number(span[1]) * unit)).toISOString();
  if (!day.safeParse(text).success && !instant.safeParse(text).success) {
    throw new RollcallError(
      'config',
      `--since takes a span such as 24h or 7d, or a date such as 2026-11-01, or an instant such as 2026-11-01T08:00:00Z, not ${text}`,
      { step: 'changes' },
    );
  }
  return new Date(text).toISOString();
}
