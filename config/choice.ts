import { z } from 'zod';
import { check } from './checker.ts';
import { type Inspection, isMapping, type Path, report } from './inspection.ts';

/** A mapping that names what it configures, and the rest of its keys. */
export interface Choice<T> {
  /** Undefined when the name is missing or unknown; that has been reported. */
  readonly chosen: T | undefined;
  readonly rest: Readonly<Record<string, unknown>>;
}

/** Reads the key that names an entry of a registry, such as a connection's `source`. Undefined for no mapping at all. */
export function choose<T>(
  inspection: Inspection,
  registry: Readonly<Record<string, T>>,
  { value, path, key }: { value: unknown; path: Path; key: string },
): Choice<T> | undefined {
  if (!isMapping(value)) {
    const what =
      value === undefined ? 'is missing' : value === null ? 'is empty' : 'must be a mapping of keys to values';
    report(inspection, path, `${what}: write it with ${key}: and its settings`);
    return undefined;
  }
  const { [key]: named, ...rest } = value;
  const name = check(inspection, z.enum(Object.keys(registry)), { value: named, path: [...path, key] });
  return { chosen: name === undefined ? undefined : registry[name], rest };
}
