import { createHash } from 'node:crypto';
import { isRawNumber, type Json } from '../contract/json.ts';
import type { Setting, WriteField, WriteOp, Writes } from '../contract/writes.ts';

/** One user to write to, as a person asked for it. */
export interface Row {
  readonly op: WriteOp;
  /** Null for a user who is to be created. */
  readonly user_id: string | null;
  readonly settings: readonly Setting[];
  /** Where it stands, `line 3`; "" for the one row of a command. */
  readonly where: string;
  /** Why it cannot be done whatever the source says; null when nothing is known against it. */
  readonly problem: string | null;
}

/** A row before its fields are looked at: names as they were written, `roles+` for adding to a list. */
export interface Given {
  readonly op: WriteOp;
  readonly user_id: string | null;
  readonly values: readonly (readonly [name: string, value: Json])[];
  readonly where: string;
}

/** Why a text is no reference to a secret; null when it is one. */
export type SecretCheck = (text: string) => string | null;

type Converted = { readonly value: Setting['value'] } | { readonly problem: string };

/** A value that is no list, no object and not null. */
export const isScalar = (value: Json): boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || isRawNumber(value);

/** A scalar as text; a number keeps its digits. */
export const textOf = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

function asList(value: Json): Converted {
  if (typeof value === 'string') {
    return {
      value: value
        .split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== ''),
    };
  }
  const entries = Array.isArray(value) ? value : [value];
  if (!entries.every(isScalar)) return { problem: 'takes a list of texts' };
  if (entries.some((entry) => textOf(entry).trim() === '')) return { problem: 'has an empty entry' };
  return { value: entries.map(textOf) };
}

function converted(field: WriteField, value: Json): Converted {
  if (field.kind === 'list') return asList(value);
  if (!isScalar(value)) return { problem: 'takes one value, not a list or an object' };
  if (field.kind !== 'switch') return { value: textOf(value) };
  const text = textOf(value).trim().toLowerCase();
  return text === 'true' || text === 'false' ? { value: text === 'true' } : { problem: 'is true or false' };
}

/** `roles`, and whether it is to be added to, from `roles+` or `roles+=`. */
function nameOf(written: string): { name: string; add: boolean } {
  const name = written.replace(/\+=?$/, '');
  return { name, add: name !== written };
}

function fieldOf(writes: Writes, source: string, op: WriteOp, written: string): WriteField | { problem: string } {
  const { name, add } = nameOf(written);
  const field = writes.fields.find((known) => known.name === name);
  if (field === undefined) {
    const known = writes.fields.filter(({ ops }) => ops.includes(op)).map((other) => other.name);
    const hint = known.length === 0 ? `${op} takes none` : `${op} takes ${known.join(', ')}`;
    return { problem: `${source} has no field ${name} that can be written; ${hint}` };
  }
  if (!field.ops.includes(op)) return { problem: `${name}: ${op} does not take it` };
  if (add && field.kind !== 'list') return { problem: `${name}: only a list can be added to with +=` };
  return field;
}

interface Read {
  readonly settings: Setting[];
  readonly problems: string[];
}

function take(read: Read, field: WriteField, written: string, value: Json): void {
  const { name, add } = nameOf(written);
  const found = converted(field, value);
  if ('problem' in found) read.problems.push(`${name}: ${found.problem}`);
  else read.settings.push({ field: name, value: found.value, add });
}

/** Settings that set the same, named. */
function clashes(writes: Writes, settings: readonly Setting[]): string[] {
  const sets = settings.map(({ field }) => writes.fields.find(({ name }) => name === field)?.sets ?? field);
  return settings.flatMap(({ field }, i) => {
    const first = sets.indexOf(sets[i] ?? '');
    if (first === i) return [];
    const other = settings[first]?.field ?? '';
    return [other === field ? `${field}: is set twice` : `${field}: ${other} sets the same; give one of the two`];
  });
}

function shape({ op, user_id }: Given, settings: readonly Setting[]): string[] {
  if (op === 'create' && user_id !== null) return ['user_id: the system gives a new user his id; leave it out'];
  if (op === 'create' && settings.length === 0) return ['create needs at least one field'];
  return op !== 'create' && (user_id ?? '').trim() === '' ? [`user_id: ${op} needs one`] : [];
}

/** Checks a row against what the source can write. Values that only the source knows are checked when it is planned. */
export function rowOf(writes: Writes, source: string, given: Given): Row {
  const read: Read = { settings: [], problems: [] };
  for (const [written, value] of given.values) {
    const field = fieldOf(writes, source, given.op, written);
    if ('problem' in field) read.problems.push(field.problem);
    else take(read, field, written, value);
  }
  const problems = [...read.problems, ...clashes(writes, read.settings), ...shape(given, read.settings)];
  const { op, user_id, where } = given;
  return { op, user_id, settings: read.settings, where, problem: problems.length === 0 ? null : problems.join('; ') };
}

/** What is wrong with how a row gives its secrets: they come by reference only, in a file and on a command line. */
export function secretProblems(writes: Writes, given: Given, check: SecretCheck): string[] {
  return given.values.flatMap(([written, value]) => {
    const field = writes.fields.find(({ name }) => name === nameOf(written).name);
    if (field?.kind !== 'secret') return [];
    const problem = typeof value === 'string' ? check(value) : 'is no text';
    return problem === null ? [] : [`${field.name}: ${problem}`];
  });
}

/** Names what a row asks for; secrets go in as the references that they were given by. */
export function keyOf({ op, user_id, settings }: Row): string {
  const asked = settings.map(({ field, value, add }) => [field, add, value]).sort();
  return createHash('sha256')
    .update(JSON.stringify([op, user_id, asked]))
    .digest('hex')
    .slice(0, 32);
}

/** Who is to be created, as far as a row says it. */
function newcomer(row: Row): string {
  const email = row.settings.find(({ field }) => field === 'email')?.value;
  return typeof email === 'string' ? email.trim().toLowerCase() : keyOf(row);
}

/** Rows that name a user whom an earlier row names are refused: what each of them would change depends on the other. */
export function refuseRepeats(rows: readonly Row[]): Row[] {
  const first = new Map<string, Row>();
  return rows.map((row) => {
    const who = row.user_id === null ? `new ${newcomer(row)}` : `user ${row.user_id}`;
    const earlier = first.get(who);
    if (earlier === undefined) {
      first.set(who, row);
      return row;
    }
    const problem = `${earlier.where} is about the same user; write one row for each`;
    return { ...row, problem: row.problem ?? problem };
  });
}
