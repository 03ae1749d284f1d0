/** A value before and after. */
export type Change = readonly [old: unknown, fresh: unknown];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Signatures in the query of a URL expire without the picture having changed. */
function steady(value: unknown): unknown {
  return typeof value === 'string' && /^https?:/.test(value) ? value.split('?', 1)[0] : value;
}

/** The parts of a received record that changed, by their paths from `at`; arrays are compared as wholes. */
export function rawChanges(old: unknown, fresh: unknown, at = 'raw'): Record<string, Change> {
  if (!isObject(old) || !isObject(fresh)) {
    return JSON.stringify(steady(old)) === JSON.stringify(steady(fresh)) ? {} : { [at]: [old ?? null, fresh ?? null] };
  }
  const keys = [...new Set([...Object.keys(old), ...Object.keys(fresh)])];
  return Object.assign({}, ...keys.map((key) => rawChanges(old[key], fresh[key], `${at}.${key}`)));
}
