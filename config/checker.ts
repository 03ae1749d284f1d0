import type { z } from 'zod';
import type { Inspection, Path } from './inspection.ts';
import { absolute } from './paths.ts';
import { resolveValue } from './resolver.ts';
import { wording } from './wording.ts';

/** Of an invalid union, the problems of the one form that the value has at least the outside of. */
function details(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const near = issue.errors.filter((branch) => branch.length > 0 && branch.every((inner) => inner.path.length > 0));
  const [branch, ...others] = near;
  if (branch === undefined || others.length > 0) return [issue];
  return branch.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

const within = (outer: Path, path: Path): boolean => outer.every((key, index) => path[index] === key);

/**
 * Resolves the references and paths of a value and checks it against a schema. Unknown keys are refused whatever the schema says
 * of them; `neighbours` are keys that are known at the same place but checked by others. Undefined after a problem.
 */
export function check<T>(
  inspection: Inspection,
  schema: z.ZodType<T>,
  { value, path, neighbours = [] }: { value: unknown; path: Path; neighbours?: readonly string[] },
): T | undefined {
  const resolved = resolveValue(inspection, value, { schema, path, neighbours });
  const checked = schema.safeParse(resolved, { error: wording });
  // Still a T: only texts are replaced, by texts.
  if (checked.success) return absolute(checked.data, schema, inspection.around.folder) as T;
  for (const issue of checked.error.issues.flatMap(details)) {
    const at = [...path, ...issue.path];
    if (inspection.explained.some((place) => within(place, at))) continue;
    inspection.problems.push({ path: at, message: issue.message });
  }
  return undefined;
}
