import { z } from 'zod';

type Schema = z.core.$ZodType;

/** What the meta data of an option say of its value. */
export interface Marks {
  /** It must be given by a reference, and is redacted. */
  readonly secret: boolean;
  /** It is redacted wherever it comes from. */
  readonly redact: boolean;
  /** It is a path, relative to the configuration's folder. */
  readonly path: boolean;
}

/** The schema inside its wrappers: optional, default, readonly and their kind. */
export function unwrap(schema: Schema): Schema {
  const { def } = schema._zod;
  if ('innerType' in def && def.innerType instanceof z.core.$ZodType) return unwrap(def.innerType);
  return schema instanceof z.core.$ZodPipe ? unwrap(schema._zod.def.in) : schema;
}

/** The marks of a schema, whether they were put on it or on what it wraps. */
export function marksOf(schema: Schema): Marks {
  const meta = z.globalRegistry.get(schema);
  const { def } = schema._zod;
  const inner = 'innerType' in def ? def.innerType : schema instanceof z.core.$ZodPipe ? schema._zod.def.in : undefined;
  const below = inner instanceof z.core.$ZodType ? marksOf(inner) : { secret: false, redact: false, path: false };
  return {
    secret: meta?.secret === true || below.secret,
    redact: meta?.redact === true || below.redact,
    path: meta?.path === true || below.path,
  };
}

/** The keys of a mapping that a schema describes, with theirs; undefined where it fixes none. */
export function shapeOf(schema: Schema): ReadonlyMap<string, Schema> | undefined {
  const plain = unwrap(schema);
  if (plain instanceof z.core.$ZodObject) return new Map(Object.entries(plain._zod.def.shape));
  const parts = partsOf(plain).map(shapeOf);
  const mappings = parts.filter((part) => part !== undefined);
  return mappings.length === 0 ? undefined : new Map(mappings.flatMap((mapping) => [...mapping]));
}

function partsOf(schema: Schema): readonly Schema[] {
  if (schema instanceof z.core.$ZodUnion) return schema._zod.def.options;
  if (schema instanceof z.core.$ZodIntersection) return [schema._zod.def.left, schema._zod.def.right];
  return [];
}

/** The schema of a list's entries, or of the values of a mapping with free keys. */
export function elementOf(schema: Schema): Schema | undefined {
  const plain = unwrap(schema);
  if (plain instanceof z.core.$ZodArray) return plain._zod.def.element;
  return plain instanceof z.core.$ZodRecord ? plain._zod.def.valueType : undefined;
}
