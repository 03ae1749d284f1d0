import { isObject, type Json, type JsonObject } from '../../contract/json.ts';
import { Refusal } from './refusal.ts';
import type { Asked } from './route.ts';

/** The refusal of a request that is not as it should be. */
export const badRequest = (message: string): Refusal => new Refusal({ status: 400, message });

/** The JSON object that a request came with. Throws the answer, in these words, to one that came with anything else. */
export function objectOf({ body }: Asked, words = 'the body must be a JSON object'): JsonObject {
  try {
    const parsed: Json = JSON.parse(body);
    if (isObject(parsed)) return parsed;
  } catch {
    // Any text that is not JSON is the caller's mistake, whatever the parser says about it.
  }
  throw badRequest(words);
}
