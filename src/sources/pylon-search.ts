import type { Request } from '../contract/io.ts';
import type { JsonObject } from '../contract/json.ts';
import { RollcallError } from '../errors.ts';

/** Pylon demands 0 < limit < 1000. */
export const PAGE_LIMIT = 999;

/** Depth of a filter tree that Pylon accepts. */
const DEPTH = 3;

/** Addresses of one `in` filter: well within a request body, and one page of answers. */
const ADDRESSES = 500;

/** A filter of `POST /users/search`; for users only `email` can be asked for. */
export type Filter =
  | { readonly field: 'email'; readonly operator: 'equals'; readonly value: string }
  | { readonly field: 'email'; readonly operator: 'in' | 'not_in'; readonly values: readonly string[] }
  | { readonly operator: 'and' | 'or'; readonly subfilters: readonly Filter[] };

function depth(filter: Filter): number {
  return 'subfilters' in filter ? 1 + Math.max(0, ...filter.subfilters.map(depth)) : 1;
}

function json(filter: Filter): JsonObject {
  if ('subfilters' in filter) return { operator: filter.operator, subfilters: filter.subfilters.map(json) };
  return 'value' in filter ? { ...filter } : { ...filter, values: [...filter.values] };
}

/** A search, checked against what Pylon documents before it is sent: 0 < limit < 1000 and at most three levels. */
export function searchRequest(filter: Filter, limit: number, cursor: string | null): Request {
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_LIMIT) {
    throw new RollcallError('bug', `a search takes a limit of 1 to ${PAGE_LIMIT}, got ${limit}`, { step: 'search' });
  }
  if (depth(filter) > DEPTH) {
    throw new RollcallError('bug', `a search filter has at most ${DEPTH} levels`, { step: 'search' });
  }
  return {
    call: 'search',
    endpoint: 'POST /users/search',
    method: 'POST',
    path: '/users/search',
    body: { filter: json(filter), limit, ...(cursor === null ? {} : { cursor }) },
  };
}

/** Filters that together ask for all these addresses. */
export function* emailFilters(emails: readonly string[]): Iterable<Filter> {
  const only = emails[0];
  if (emails.length === 1 && only !== undefined) {
    yield { field: 'email', operator: 'equals', value: only };
    return;
  }
  for (let at = 0; at < emails.length; at += ADDRESSES) {
    yield { field: 'email', operator: 'in', values: emails.slice(at, at + ADDRESSES) };
  }
}
