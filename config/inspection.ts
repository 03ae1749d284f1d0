import type { Surroundings } from './secrets.ts';

/** Where in the file something stands. */
export type Path = readonly PropertyKey[];

/** Something that a person must change in the configuration. */
export interface Problem {
  readonly path: Path;
  readonly message: string;
}

/** The reading of one file: what it is read with, and what came to light so far. */
export interface Inspection {
  readonly around: Surroundings;
  readonly problems: Problem[];
  readonly secrets: Set<string>;
  /** Places whose value is missing for a reason already reported; what follows from that is not reported as well. */
  readonly explained: Path[];
}

/** Adds a problem that leaves its place without a value. */
export function report(inspection: Inspection, path: Path, message: string): void {
  inspection.problems.push({ path, message });
  inspection.explained.push(path);
}

/** True for what YAML calls a mapping. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A place as a person writes it: `connections.support.columns.hash[0]`. */
export function placeOf(path: Path): string {
  if (path.length === 0) return 'the file';
  return path
    .map((key, index) => {
      if (typeof key === 'number') return `[${key}]`;
      const word = String(key);
      return `${index === 0 ? '' : '.'}${/^[\w-]+$/.test(word) ? word : JSON.stringify(word)}`;
    })
    .join('');
}
