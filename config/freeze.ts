/** Freezes lists and plain objects all the way down. Anything else, such as a source, belongs to others and is left. */
export function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return value;
  for (const inner of Object.values(value)) freezeDeep(inner);
  return Object.freeze(value);
}

function refuse(): never {
  throw new TypeError('the configuration is frozen');
}

/** A map that cannot be changed any more. `Object.freeze` alone leaves the entries of a map open. */
export function freezeMap<K, V>(map: Map<K, V>): ReadonlyMap<K, V> {
  return Object.freeze(Object.assign(map, { set: refuse, delete: refuse, clear: refuse }));
}
