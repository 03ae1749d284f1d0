import { resolve } from 'node:path';
import type { z } from 'zod';
import { isMapping } from './inspection.ts';
import { elementOf, marksOf, shapeOf } from './marks.ts';

/**
 * A checked value with its paths made absolute. This comes after the check, so that paths which are a schema's
 * default are resolved against the configuration's folder too.
 */
export function absolute(value: unknown, schema: z.core.$ZodType | undefined, folder: string): unknown {
  if (schema === undefined) return value;
  if (typeof value === 'string') return marksOf(schema).path ? resolve(folder, value) : value;
  if (Array.isArray(value)) return value.map((entry: unknown) => absolute(entry, elementOf(schema), folder));
  const shape = shapeOf(schema);
  if (shape === undefined || !isMapping(value) || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, absolute(inner, shape.get(key), folder)]);
  return Object.fromEntries(entries);
}
