const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** The time before which something is too old to keep (ms since 1970); null keeps it forever. */
export function cutoff(period: string, now: number): number | null {
  const found = /^(\d+)([smhdw])$/.exec(period);
  return found === null ? null : now - Number(found[1]) * (UNITS[found[2] ?? ''] ?? 0);
}
