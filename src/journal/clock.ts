/** Microseconds since 1970 as RFC 3339 text with six digits of fraction. */
export function instantText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = String(micros - seconds * 1_000_000).padStart(6, '0');
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

/** The next time to hand out: now, or just after the last one when the clock stands still or went back. */
export function nextMicros(last: number, nowMs: number): number {
  return Math.max(Math.floor(nowMs * 1000), last + 1);
}
