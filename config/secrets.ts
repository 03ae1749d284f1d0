// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** What references are resolved with. */
export interface Surroundings {
  /** The configuration's folder; relative paths of `${file:…}` start there. */
  readonly folder: string;
  /** The environment, laid over `.env`. */
  readonly variables: ReadonlyMap<string, string>;
}

/** A text with its references replaced. */
export interface Resolved {
  readonly text: string;
  /** What each reference stood for, in order; empty for a literal. */
  readonly values: readonly string[];
  /** Those of them that came from files, which hold nothing but secrets. */
  readonly fromFiles: readonly string[];
  /** Why a reference could not be resolved, by its name, never by a value. Empty when all is well. */
  readonly problems: readonly string[];
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const FILE = 'file:';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder',
};

type Found = { readonly value: string } | { readonly problem: string };

function fromVariable(name: string, around: Surroundings): Found {
  const value = around.variables.get(name);
  const where = `in the environment or in ${resolve(around.folder, '.env')}`;
  if (value === undefined) return { problem: `the variable ${name} is not set: set it ${where}` };
  if (value.trim() === '') return { problem: `the variable ${name} is empty: set it ${where}` };
  return { value };
}

function fromFile(given: string, around: Surroundings): Found {
  if (given === '') return { problem: 'names no file: write ${file:/run/secrets/name}' };
  const path = resolve(around.folder, given);
  try {
    const value = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
    return value.trim() === '' ? { problem: `the file ${path} is empty: write the secret into it` } : { value };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return { problem: `the file ${path} cannot be read: ${REASONS[code] ?? code}` };
  }
}

/** True when a text names at least one variable or file. */
export function hasReference(text: string): boolean {
  return [...text.matchAll(REFERENCE)].some(([whole]) => whole !== '$${');
}

/**
 * Replaces `${NAME}` and `${file:path}` in a text; `$${` stands for `${` itself. What a reference stands for is taken
 * as it is: references in it are not looked at.
 */
export function resolveReferences(text: string, around: Surroundings): Resolved {
  const values: string[] = [];
  const fromFiles: string[] = [];
  const problems: string[] = [];
  const replaced = text.replace(REFERENCE, (whole: string, body: string | undefined, end: string | undefined) => {
    if (whole === '$${') return '${';
    if (body === undefined || end !== '}' || !(body.startsWith(FILE) || VARIABLE.test(body))) {
      // The body is not shown: it may be a secret that someone wrote into the braces.
      problems.push('has a "${" that begins no reference: write ${NAME} or ${file:path}, or $${ for "${" itself');
      return '';
    }
    const isFile = body.startsWith(FILE);
    const found = isFile ? fromFile(body.slice(FILE.length), around) : fromVariable(body, around);
    if ('problem' in found) {
      problems.push(found.problem);
      return '';
    }
    values.push(found.value);
    if (isFile) fromFiles.push(found.value);
    return found.value;
  });
  return { text: replaced, values, fromFiles, problems };
}

const CREDENTIALS = /^[a-z][a-z0-9+.-]*:\/\/[^:/?#]*:((?:\$\{[^}]*\}|[^/?#])+)@/i;

/** The password that a URL carries before its host: as it is written, and decoded where that differs. */
export function urlPasswords(text: string): readonly string[] {
  const written = CREDENTIALS.exec(text)?.[1];
  if (written === undefined) return [];
  try {
    return [...new Set([written, decodeURIComponent(written)])];
  } catch (error) {
    // A stray percent sign: the password has no decoded form.
    if (error instanceof URIError) return [written];
    throw error;
  }
}
