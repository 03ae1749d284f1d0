import { constants } from 'node:buffer';
import type { Json } from '../contract/json.ts';
import { claimsJson, excerpt } from './gateway.ts';
import { parseJson } from './json.ts';
import { BodyProblem } from './trouble.ts';
import type { Incoming } from './wire.ts';

/** Most that is read of an error's body. */
const ERROR_BYTES = 64 * 1024;

/** A text without the byte order mark that some servers begin with. */
const withoutMark = (text: string): string => (text.startsWith('\uFEFF') ? text.slice(1) : text);

/** Parses a whole answer, or throws BodyProblem: an answer is a JSON object or array, nothing else. */
export function parseBody(text: string): Json {
  const bare = withoutMark(text);
  if (bare.trim() === '') throw new BodyProblem('empty', 'has no body');
  let body: Json;
  try {
    body = parseJson(bare);
  } catch {
    // The parser's own words quote the body, which may hold personal data.
    throw new BodyProblem('not JSON', `is not valid JSON, or was cut short (${text.length} characters)`);
  }
  if (typeof body !== 'object' || body === null) {
    throw new BodyProblem(
      'not JSON',
      `is ${body === null ? 'null' : `a lone ${typeof body}`} instead of an object or a list`,
    );
  }
  return body;
}

/** The beginning of an error's body, as text. */
export async function errorText(incoming: Incoming): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming.body) {
    pieces.push(chunk);
    size += chunk.length;
    if (size >= ERROR_BYTES) break;
  }
  return Buffer.concat(pieces).toString();
}

/** Throws BodyProblem when the answer's content type says that somebody else than the API wrote it. */
export async function refusePage(incoming: Incoming): Promise<void> {
  const type = incoming.headers['content-type'];
  // A type that says neither is left to the parser.
  if (type === undefined || claimsJson(type, '{')) return;
  const text = await errorText(incoming);
  if (text.trim() === '') throw new BodyProblem('empty', 'has no body');
  throw new BodyProblem(
    'a page',
    `was written by a proxy or gateway, not by the API: "${excerpt(text)}". Check base_url`,
  );
}

/** Reads a whole body and parses it. */
export async function wholeBody(incoming: Incoming): Promise<Json> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming.body) {
    pieces.push(chunk);
    size += chunk.length;
    if (size > constants.MAX_STRING_LENGTH) {
      throw new BodyProblem(
        'too large',
        `is larger than ${constants.MAX_STRING_LENGTH} bytes, the limit of one text`,
        true,
      );
    }
  }
  return parseBody(Buffer.concat(pieces).toString());
}
