const SECONDS = /^\d+(?:\.\d+)?$/u;
const DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /u;

/** One header's wait in ms; null when it is absent, negative or neither seconds nor an HTTP date. */
export function waitOf(value: string | undefined, now: number): number | null {
  const text = value?.trim() ?? '';
  if (SECONDS.test(text)) {
    const ms = Math.ceil(Number(text) * 1000);
    return Number.isSafeInteger(ms) ? ms : null;
  }
  // Checked before parsing, because Date.parse makes a date of almost anything, "-5" included.
  if (!DATE.test(text)) return null;
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** How long the server asks to wait, from `Retry-After` and `X-Retry-After`: the larger of the two; null when neither says. */
export function serverWait(headers: Readonly<Record<string, string>>, now: number): number | null {
  const waits = [headers['retry-after'], headers['x-retry-after']].map((value) => waitOf(value, now));
  const said = waits.filter((wait) => wait !== null);
  return said.length === 0 ? null : Math.max(...said);
}
