import type { Io } from '../contract/io.ts';
import { isObject, type Json, type JsonObject } from '../contract/json.ts';
import type { Chosen, Chunk, Verdict } from '../contract/source.ts';
import { RollcallError } from '../errors.ts';
import { ownerOf } from '../http/patience.ts';
import { joinable, text, texts, unlessBad } from './record.ts';

/** Pieces of a listing that nobody else guards against being endless. */
const MOST_PIECES = 50_000;

/** A listing in which users are looked for; throws where it seems to have no end. `connection` is for the message. */
export async function* bounded(chunks: AsyncIterable<Chunk>, connection: string): AsyncIterable<Chunk> {
  let pieces = 0;
  for await (const chunk of chunks) {
    pieces += 1;
    if (pieces > MOST_PIECES) {
      const message = `connection ${connection}: the listing does not end: it has more than ${MOST_PIECES} pieces`;
      throw new RollcallError('bad-data', message, { connection, step: 'list users' });
    }
    yield chunk;
    if (chunk.last) return;
  }
}

/** How an API is asked for one user by id. */
export interface Lookup {
  /** Names it in budgets and messages, `GET /users/{id}`. */
  readonly endpoint: string;
  /** Where users are, `/users`; the id is appended, percent-encoded. */
  readonly path: string;
  /** The user in an answer. */
  user(body: JsonObject): Json | undefined;
  /** True where a 404 is the API's own word that there is no such user, and nobody else's. */
  missing(body: JsonObject): boolean;
}

/** The user as the API has him, or null where it says in its own words that there is none. Any other answer is an error. */
export async function lookUp(io: Io, how: Lookup, id: string): Promise<JsonObject | null> {
  const { endpoint } = how;
  const path = `${how.path}/${encodeURIComponent(id)}`;
  const { status, body } = await io.send({ call: 'get', endpoint, path, accept: [404] });
  const said = isObject(body) ? body : {};
  if (status === 404 && how.missing(said)) return null;
  const user = how.user(said);
  if (status === 200 && isObject(user) && text(user, 'id') === id) return user;
  const other = isObject(user) ? text(user, 'id') : null;
  const hint = other === null ? '' : `, but about ${other}: write the id as the source does`;
  const message = `connection ${ownerOf(io)}: looked up user ${id} and got an answer that is neither him nor "not found"${hint}`;
  throw new RollcallError('bad-data', message, { step: endpoint, status });
}

/** What the API says of a user whom its listing did not return, where the listing has everybody who is there. */
export async function presence(io: Io, how: Lookup, id: string): Promise<Verdict> {
  const record = await lookUp(io, how, id);
  return record === null ? { absence: 'gone' } : { absence: 'present', record };
}

/** Those of these users whom the API has. */
export async function* lookUpEach(io: Io, how: Lookup, ids: readonly string[]): AsyncIterable<JsonObject> {
  for (const id of ids) {
    const user = await lookUp(io, how, id);
    if (user !== null) yield user;
  }
}

/** Finds users where nothing can be searched by address: by id one after the other, by address in the whole listing. */
export async function* findWithoutSearch(
  io: Io,
  by: Chosen,
  { how, list }: { how: Lookup; list(): AsyncIterable<Chunk> },
): AsyncIterable<JsonObject> {
  if ('ids' in by) {
    yield* lookUpEach(io, how, by.ids);
    return;
  }
  const wanted = new Set(by.emails.map(joinable));
  if (wanted.size === 0) return;
  for await (const { records } of bounded(list(), ownerOf(io))) {
    yield* records
      .filter((record) => isObject(record))
      .filter((record) => unlessBad(() => texts(record, 'email'))?.some((email) => wanted.has(joinable(email))));
  }
}
