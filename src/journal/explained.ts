const isIterator = (value: unknown): value is IterableIterator<unknown> =>
  typeof value === 'object' && value !== null && 'next' in value && Symbol.iterator in value;

function* explainedRows(rows: IterableIterator<unknown>, explain: (error: unknown) => Error): Iterable<unknown> {
  try {
    yield* rows;
  } catch (error) {
    throw explain(error);
  }
}

/** The same methods, whose errors, thrown, rejected or met while iterating, go through `explain` first. */
export function explained<T extends object>(methods: T, explain: (error: unknown) => Error): T {
  const wrap =
    (method: (...args: unknown[]) => unknown) =>
    (...args: unknown[]): unknown => {
      try {
        const result = method(...args);
        if (isIterator(result)) return explainedRows(result, explain);
        if (!(result instanceof Promise)) return result;
        return result.catch((error: unknown) => {
          throw explain(error);
        });
      } catch (error) {
        throw explain(error);
      }
    };
  const wrapped = Object.entries(methods).map(([name, value]) => [
    name,
    typeof value === 'function' ? wrap(value) : value,
  ]);
  // Each method keeps its name, arguments and result.
  return Object.fromEntries(wrapped) as T;
}
