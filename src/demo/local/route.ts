import type { IncomingHttpHeaders } from 'node:http';
import type { Call } from '../../contract/io.ts';
import type { Reply } from './send.ts';

/** One request as an endpoint sees it. */
export interface Asked {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The `{id}` of the path, decoded; "" where the path has none. */
  readonly id: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Ms since 1970, by the server's clock. */
  readonly now: number;
}

/** One call of an API: what it is named by in limits and faults, and what serves it. */
export interface Endpoint {
  readonly method: string;
  /** With at most one `{id}`. */
  readonly path: string;
  readonly call: Call;
  readonly serve: (asked: Asked) => Reply;
}

/** An endpoint, and the `{id}` as it stands in the path. */
export interface Route {
  readonly endpoint: Endpoint;
  readonly id: string;
}

function matchPath(template: string, path: string): string | null {
  const [before = '', after] = template.split('{id}');
  if (after === undefined) return template === path ? '' : null;
  if (!path.startsWith(before) || !path.endsWith(after)) return null;
  const id = path.slice(before.length, path.length - after.length);
  return id !== '' && !id.includes('/') ? id : null;
}

/** Finds the endpoint of a request; one without `{id}` comes before one that would take its last word for an id. */
export function route(endpoints: readonly Endpoint[], method: string, path: string): Route | null {
  const found = endpoints
    .filter((endpoint) => endpoint.method === method)
    .flatMap((endpoint) => {
      const id = matchPath(endpoint.path, path);
      return id === null ? [] : [{ endpoint, id }];
    });
  return found.find(({ id }) => id === '') ?? found[0] ?? null;
}

/** A segment of a path as it was meant. */
export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // A stray % makes an id that nobody has: the endpoint answers that it is not found.
    return segment;
  }
}
