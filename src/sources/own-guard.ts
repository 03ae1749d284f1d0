import { basename } from 'node:path';
import { z } from 'zod';
import type { Io } from '../contract/io.ts';
import { isRawNumber, type Json } from '../contract/json.ts';
import type { Chunk, Reader, Source } from '../contract/source.ts';
import { BadRecord, type ErrorKind, isAbort, RollcallError } from '../errors.ts';
import { redactOf } from '../http/patience.ts';
import { redactor } from '../http/redact.ts';

/** A file with somebody's own source, as the configuration names it, and the connection that names it. */
export interface OwnFile {
  readonly file: string;
  readonly connection: string;
}

/** The same, knowing what may not be shown: what a file throws may hold its token. */
interface Guarded extends OwnFile {
  redact(text: string): string;
}

const HELP = 'Mend the file; docs/sources/own.md says what each part gives';

/** Records for which `user` may throw by mistake before one went through. */
const MOST_THROWN = 20;

/** What was thrown, on one line, and in which line of the file. */
export function thrownWords(error: unknown, file: string): string {
  if (!(error instanceof Error)) return String(error);
  const name = basename(file).replaceAll(/[.*+?^${}()|[\]\\]/gu, '\\$&');
  const line = new RegExp(`${name}:(\\d+)`, 'u').exec(error.stack ?? '')?.[1];
  const kind = error.name === 'Error' ? '' : `${error.name}: `;
  return `${kind}${error.message.replaceAll(/\s+/gu, ' ').trim()}${line === undefined ? '' : ` (line ${line})`}`;
}

/** Errors of the network and of files have a code, be it in their cause, and may be over next time. */
function kindOf(error: unknown): ErrorKind {
  const [code, inner] = [error, Reflect.get(Object(error), 'cause')].map((one) => Reflect.get(Object(one), 'code'));
  return [code, inner].some((one) => typeof one === 'string' && /^(?:E[A-Z]+|UND_ERR_\w+)$/u.test(one))
    ? 'transient'
    : 'config';
}

/** The cause as `--verbose` may print it. */
function clean({ redact }: Guarded, cause: unknown): Error {
  const thrown = cause instanceof Error ? cause : new Error(String(cause));
  const shown = new Error(redact(thrown.message));
  shown.name = thrown.name;
  shown.stack = redact(thrown.stack ?? '');
  return shown;
}

function mistake(own: Guarded, part: string, words: string, cause?: unknown): RollcallError {
  const { file, connection, redact } = own;
  const message = redact(`${connection}: ${file}: ${part} ${words}`);
  const facts = { connection, step: part, ...(cause === undefined ? {} : { cause: clean(own, cause) }) };
  return new RollcallError(cause === undefined ? 'config' : kindOf(cause), message, facts);
}

/** What a part of the file threw, told as its own: without that it would look like a bug of Rollcall's. */
function told(own: Guarded, part: string, error: unknown): unknown {
  if (error instanceof BadRecord || isAbort(error)) return error;
  if (!(error instanceof RollcallError)) {
    return mistake(own, part, `threw ${thrownWords(error, own.file)}. ${HELP}`, error);
  }
  if (error.connection !== undefined) return error;
  const { kind, message, step } = error;
  const facts = { connection: own.connection, step, cause: clean(own, error) };
  return new RollcallError(kind, own.redact(`${own.connection}: ${message}`), facts);
}

/** What a part of the file gave, in the form that it must have. */
function formed<T>(own: Guarded, part: string, form: z.ZodType<T>, given: unknown): T {
  const read = form.safeParse(given);
  if (read.success) return read.data;
  const said = read.error.issues.map(({ path, message }) => [path.join('.'), message].filter((one) => one !== ''));
  throw mistake(
    own,
    part,
    `gave something else than it must: ${said.map((one) => one.join(': ')).join('; ')}. ${HELP}`,
  );
}

const api = z.looseObject({ base: z.url(), headers: z.record(z.string(), z.string()) });
const account = z.object({ id: z.string().min(1), name: z.string().nullable().default(null) });
const refs = z.object({ roles: z.instanceof(Map), teams: z.instanceof(Map) });
const verdict = z.looseObject({ absence: z.enum(['gone', 'present', 'inactive', 'unknown']) });
const chunk = z.object({
  records: z.custom<readonly unknown[]>(Array.isArray, 'expected a list'),
  resume: z.string().nullable().default(null),
  last: z.boolean().default(false),
  active: z.boolean().nullable().default(null),
  unlessSeen: z.boolean().default(false),
});

function isJson(value: unknown): value is Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.every(isJson);
  const made: unknown = Object.getPrototypeOf(value);
  if (made !== null && made !== Object.prototype) return false;
  // The test for raw numbers only looks at what it is given.
  return isRawNumber(value as Json) || Object.values(value).every(isJson);
}

/** The record as JSON has it: a Date is its text, what is undefined is left out. */
function jsonOf(own: Guarded, record: unknown): Json {
  try {
    if (isJson(record)) return record;
    return JSON.parse(JSON.stringify(record) ?? 'null');
  } catch (error) {
    // Nested too deeply for this test: the engine quarantines it.
    if (error instanceof RangeError) return record as Json;
    throw mistake(own, 'list', `gave a record that is no JSON: ${thrownWords(error, own.file)}. ${HELP}`);
  }
}

async function* listing(own: Guarded, reader: Reader, from: string | null): AsyncGenerator<Chunk, void> {
  try {
    const given: unknown = reader.list(from);
    const iterable = [Symbol.asyncIterator, Symbol.iterator].some((key) => key in Object(given));
    if (!iterable) throw mistake(own, 'list', `gave nothing that yields: write it as \`async *list(from)\`. ${HELP}`);
    // It yields whatever the file yields.
    for await (const yielded of given as AsyncIterable<unknown>) {
      const { records, ...rest } = formed(own, 'list', chunk, yielded);
      yield { ...rest, records: records.map((record) => jsonOf(own, record)) };
      if (rest.last) return;
    }
  } catch (error) {
    throw told(own, 'list', error);
  }
  throw mistake(
    own,
    'list',
    `ended without a last chunk, so that nobody knows whether it is complete: yield one with \`last: true\``,
  );
}

function guardReader(own: Guarded, made: Reader): Reader {
  if (typeof Reflect.get(Object(made), 'list') !== 'function') throw mistake(own, 'reader', `has no list. ${HELP}`);
  const asked = async <T>(part: string, form: z.ZodType<unknown>, ask: () => Promise<T>): Promise<T> => {
    try {
      const given = await ask();
      formed(own, part, form, given);
      return given;
    } catch (error) {
      throw told(own, part, error);
    }
  };
  return {
    unsignedCut: made.unsignedCut,
    account: () => asked('account', account, () => made.account()),
    refs: () => asked('refs', refs, () => made.refs()),
    list: (from) => listing(own, made, from),
    async *find(by) {
      try {
        yield* made.find(by);
      } catch (error) {
        throw told(own, 'find', error);
      }
    },
    absent: (id) => asked('absent', verdict, () => made.absent(id)),
  };
}

function attempt<T>(own: Guarded, part: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw told(own, part, error);
  }
}

/**
 * The source of somebody's own file: what its parts throw, or give in a wrong form, is told with the file and the
 * connection. A record for which `user` throws is quarantined; where it does so for all, the file is wrong.
 */
export function guardOwn<Options>(source: Source<Options>, file: OwnFile): Source<Options> {
  let thrown = 0;
  let redact = (text: string): string => text;
  const own: Guarded = { ...file, redact: (text) => redact(text) };
  const user: Source['user'] = (raw, known, active) => {
    try {
      const made = source.user(raw, known, active);
      thrown = Number.NEGATIVE_INFINITY;
      return made;
    } catch (error) {
      if (error instanceof BadRecord || error instanceof RollcallError) throw error;
      thrown += 1;
      const words = `threw ${thrownWords(error, own.file)}`;
      if (thrown < MOST_THROWN) throw new BadRecord(own.redact(`${own.file}: user ${words}`));
      throw mistake(own, 'user', `${words}, as for each of ${MOST_THROWN} records. ${HELP}`);
    }
  };
  return {
    ...source,
    api: (options) => {
      // Before there are requests, nobody says which of the options are secrets.
      redact = redactor(Object.values(Object(options)).filter((option) => typeof option === 'string'));
      return attempt(own, 'api', () => {
        const given = source.api(options);
        formed(own, 'api', api, given);
        return given;
      });
    },
    reader(options: Options, io: Io) {
      redact = redactOf(io);
      return guardReader(
        own,
        attempt(own, 'reader', () => source.reader(options, io)),
      );
    },
    referred: (raw, known) =>
      attempt(own, 'referred', () => formed(own, 'referred', z.string(), source.referred(raw, known))),
    user,
  };
}
