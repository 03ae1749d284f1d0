import { RollcallError } from '../errors.ts';

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** A time as people give it: a span back from now (`30m`, `24h`, `7d`, `2w`), a date (from its midnight, UTC) or an instant. RFC 3339. */
export function since(text: string, now: number = Date.now()): string {
  const span = /^(\d+)([mhdw])$/.exec(text);
  const unit = UNITS[span?.[2] ?? ''];
  if (span !== null && unit !== undefined) return new Date(Math.max(0, now - Number(span[1]) * unit)).toISOString();
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) {
    throw new RollcallError(
      'config',
      `--since takes a span such as 24h or 7d, or a date such as 2026-11-01, not ${text}`,
      { step: 'changes' },
    );
  }
  return new Date(at).toISOString();
}
