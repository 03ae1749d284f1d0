import type { z } from 'zod';

/** A list of choices as a person reads it: `us, eu or ap`. */
export function choices(words: readonly unknown[]): string {
  const texts = words.map(String);
  const last = texts.pop() ?? '';
  return texts.length === 0 ? last : `${texts.join(', ')} or ${last}`;
}

/** Letters to change, add, drop or swap with the next one. */
function distance(left: string, right: string): number {
  let before: number[] = [];
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const changed = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      const crossed = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      const swapped = crossed ? (before[j - 2] ?? 0) + 1 : changed;
      next.push(Math.min(changed, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[right.length] ?? 0;
}

const plain = (word: string): string => word.toLowerCase().replaceAll(/[_-]/g, '');

/** The known word that was probably meant; undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, far: distance(plain(word), plain(candidate)) }))
    .sort((a, b) => a.far - b.far);
  const best = ranked[0];
  return best !== undefined && best.far <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : undefined;
}

const WANTED: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping of keys to values',
  record: 'a mapping of keys to values',
  array: 'a list',
};

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a whole number' : 'a number with a fraction';
  return typeof value === 'boolean' ? 'true or false' : 'text';
}

function bound(origin: string, limit: number | bigint, inclusive: boolean, more: boolean): string {
  if (origin === 'string' && more && limit === 1) return 'must not be empty';
  const thing = origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '';
  const have = thing === '' ? 'must be' : 'must have';
  if (inclusive) return `${have} ${limit}${thing} or ${more ? 'more' : 'less'}`;
  return `${have} ${more ? 'more' : 'less'} than ${limit}${thing}`;
}

/**
 * Says what is wrong with a value, after its path: `must be a whole number, not text`. The value itself is never
 * shown, for it may be a secret. Undefined: the schema library's own words.
 */
export function wording(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined && issue.code !== 'custom') return 'is missing';
  if (issue.input === null) return 'has no value';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${WANTED[issue.expected] ?? issue.expected}, not ${kindOf(issue.input)}`;
    case 'invalid_value':
      return `must be ${choices(issue.values)}`;
    case 'too_small':
      return bound(issue.origin, issue.minimum, issue.inclusive ?? true, true);
    case 'too_big':
      return bound(issue.origin, issue.maximum, issue.inclusive ?? true, false);
    case 'invalid_format':
      return issue.format === 'url' ? 'must be a URL such as https://host/path' : 'does not have the form it must have';
    case 'invalid_key':
      return issue.issues[0]?.message;
    case 'invalid_union':
      return 'has none of the forms that are accepted here';
    default:
      return undefined;
  }
}
