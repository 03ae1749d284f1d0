// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { z } from 'zod';
import { type Inspection, isMapping, type Path, report } from './inspection.ts';
import { elementOf, marksOf, shapeOf, unwrap } from './marks.ts';
import { hasReference, resolveReferences, urlPasswords } from './secrets.ts';
import { nearest } from './wording.ts';

type Schema = z.core.$ZodType;

/** Stands in for a value that could not be resolved, so that nothing of it reaches a message. */
const UNRESOLVED = 'unresolved';

function literalSecret(path: Path): string {
  const key = String(path.at(-1));
  const owners = path[0] === 'connections' ? path.slice(1) : path;
  const name = owners
    .map(String)
    .join('_')
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, '_');
  return `is a secret and must not stand in the file: write ${key}: "\${${name}}" and set ${name} in the environment or in .env, or write "\${file:/run/secrets/${key}}"`;
}

/** References give text; where a number or a switch belongs, it is read as one. */
function converted(text: string, schema: Schema): unknown {
  const plain = unwrap(schema);
  if (plain instanceof z.core.$ZodNumber && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (plain instanceof z.core.$ZodBoolean && /^(true|false)$/.test(text)) return text === 'true';
  return text;
}

function resolveText(inspection: Inspection, given: string, schema: Schema | undefined, path: Path): unknown {
  const marks = schema === undefined ? undefined : marksOf(schema);
  if (marks?.secret === true && given !== '' && !hasReference(given)) {
    report(inspection, path, literalSecret(path));
    return UNRESOLVED;
  }
  const [password] = urlPasswords(given);
  if (password !== undefined && !hasReference(password)) {
    report(inspection, path, 'has a password in it: write the password as ${NAME} or ${file:path}');
    return UNRESOLVED;
  }
  const { text, values, fromFiles, problems } = resolveReferences(given, inspection.around);
  const hidden = marks?.secret === true || marks?.redact === true || password !== undefined;
  const secrets = [...urlPasswords(text), ...(hidden ? [text, ...values] : fromFiles)];
  for (const secret of secrets.filter((found) => found !== '')) inspection.secrets.add(secret);
  for (const problem of problems) report(inspection, path, problem);
  if (problems.length > 0) return UNRESOLVED;
  if (schema === undefined) return text;
  return values.length > 0 ? converted(text, schema) : text;
}

function unknownKey(inspection: Inspection, path: Path, key: string, known: readonly string[]): void {
  const meant = nearest(key, known);
  const hint = meant === undefined ? `known are ${[...known].sort().join(', ')}` : `did you mean ${meant}?`;
  report(inspection, [...path, key], `is no setting here; ${hint}`);
  if (meant !== undefined) inspection.explained.push([...path, meant]);
}

/** How a value is resolved: by which schema (none: as plain text) and where it stands. */
interface Place {
  readonly schema: Schema | undefined;
  readonly path: Path;
  /** Keys that are known at this place but checked by others. */
  readonly neighbours?: readonly string[];
}

function resolveMapping(
  inspection: Inspection,
  mapping: Readonly<Record<string, unknown>>,
  { schema, path, neighbours = [] }: Place,
): unknown {
  const shape = schema === undefined ? undefined : shapeOf(schema);
  const element = schema === undefined ? undefined : elementOf(schema);
  const entries: [string, unknown][] = [];
  for (const [key, value] of Object.entries(mapping)) {
    if (shape !== undefined && !shape.has(key)) {
      unknownKey(inspection, path, key, [...shape.keys(), ...neighbours]);
    } else {
      entries.push([
        key,
        resolveValue(inspection, value, { schema: shape?.get(key) ?? element, path: [...path, key] }),
      ]);
    }
  }
  return Object.fromEntries(entries);
}

/**
 * The value with its references resolved and its unknown keys reported and left out. What
 * cannot be resolved is reported and replaced, so that the check of the rest can go on.
 */
export function resolveValue(inspection: Inspection, value: unknown, place: Place): unknown {
  const { schema, path } = place;
  if (typeof value === 'string') return resolveText(inspection, value, schema, path);
  if (Array.isArray(value)) {
    const element = schema === undefined ? undefined : elementOf(schema);
    return value.map((entry: unknown, index) =>
      resolveValue(inspection, entry, { schema: element, path: [...path, index] }),
    );
  }
  if (isMapping(value)) return resolveMapping(inspection, value, place);
  if (schema === undefined) return value;
  // A section whose lines are all commented out reads as null and means its defaults.
  if (value === null && unwrap(schema) instanceof z.core.$ZodObject) return {};
  if (value !== null && marksOf(schema).secret) {
    report(inspection, path, literalSecret(path));
    return UNRESOLVED;
  }
  return value;
}
