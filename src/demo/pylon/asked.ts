import { isObject, type Json, type JsonObject } from '../../contract/json.ts';
import type { PageFault } from './faults.ts';
import { type Page, type PageOrigin, pageText, spoil } from './page.ts';
import { badRequest, jsonReply, type Reply } from './reply.ts';
import { type PylonUser, userText } from './user.ts';
import type { PylonWorld } from './world.ts';

/** One request that has passed authentication and limits, with all that is needed to serve it. */
export interface Asked {
  readonly world: PylonWorld;
  readonly requestId: string;
  /** The `{id}` of the path, decoded; "" where the path has none. */
  readonly id: string;
  readonly query: URLSearchParams;
  readonly body: string;
  /** Ms since 1970. */
  readonly now: number;
  readonly pageFault: PageFault | null;
}

const AVATAR_LIFE_S = 3600;

/** A user as this answer shows him: the query of a signed avatar is this answer's own. */
export function showUser(asked: Asked, user: PylonUser): string {
  const expires = Math.floor(asked.now / 1000) + AVATAR_LIFE_S;
  return userText(user, `?expires=${expires}&signature=${asked.requestId}`);
}

/** The answer of calls that return one thing. */
export function oneReply(asked: Asked, data: string): Reply {
  return jsonReply(asked.requestId, `{"data":${data},"request_id":${JSON.stringify(asked.requestId)}}`);
}

/** The answer of calls that return a listing, spoiled where a fault says so. */
export function pageReply(asked: Asked, page: Page, origin: PageOrigin): Reply {
  const { pageFault, requestId } = asked;
  return jsonReply(requestId, pageText(pageFault === null ? page : spoil(page, pageFault, origin), requestId));
}

/** The request's body as an object. */
export function readBody(asked: Asked): JsonObject {
  let body: Json;
  try {
    body = JSON.parse(asked.body);
  } catch {
    // Any text that is not JSON is the caller's mistake, whatever the parser says about it.
    throw badRequest('the body is not valid JSON');
  }
  if (!isObject(body)) throw badRequest('the body must be a JSON object');
  return body;
}
