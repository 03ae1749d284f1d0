/** Years that RFC 3339 and JavaScript can write; some warehouses have more, and `infinity`. */
const FARTHEST = 8_640_000_000_000_000_000n;

/** Microseconds since 1970 as RFC 3339 text with six digits of fraction. */
export function instant(micros: bigint): string {
  if (micros > FARTHEST || micros < -FARTHEST) return micros > 0n ? 'infinity' : '-infinity';
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = (micros - fraction) / 1_000_000n;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(fraction).padStart(6, '0')}Z`;
}

/** An integer as a number, or as text where JavaScript cannot hold it. */
export function integer(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** Names of columns in lower case, told apart where that makes two the same. */
export function lowered(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name.toLowerCase();
    for (let n = 1; taken.has(free); n += 1) free = `${name.toLowerCase()}_${n}`;
    taken.add(free);
    return free;
  });
}
