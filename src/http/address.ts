import type { Request } from '../contract/io.ts';

/** Segments that every URL parser folds away, so that the request would go to another path than was meant. */
const FOLDED = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/iu;

/**
 * The URL of a request: the base, which may end in a slash, the path as the source encoded it, and the query. Null for
 * a path with a segment of dots alone, which would reach another endpoint.
 */
export function address(base: string, request: Request): URL | null {
  if (FOLDED.test(request.path)) return null;
  const path = request.path.startsWith('/') ? request.path : `/${request.path}`;
  const query = Object.entries(request.query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`],
  );
  return new URL(base.replace(/\/+$/u, '') + path + (query.length === 0 ? '' : `?${query.join('&')}`));
}

/** `host:port`, the port also where the scheme implies it. Never the user part of a URL. */
export function hostAndPort(url: URL): string {
  return `${url.hostname}:${url.port === '' ? (url.protocol === 'http:' ? '80' : '443') : url.port}`;
}

/** What becomes of an answer that redirects: the URL to ask next, or the address that may not be followed to. */
export type Onward = { readonly follow: URL } | { readonly refuse: string };

const KEEPS_METHOD: ReadonlySet<number> = new Set([307, 308]);
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Where a redirect leads; null when the answer is none. Only within the origin, for the credentials are meant for it
 * alone; and a request with a body only where the redirect keeps its method.
 */
export function onward(
  status: number,
  headers: Readonly<Record<string, string>>,
  from: URL,
  request: Request,
): Onward | null {
  if (!REDIRECTS.has(status)) return null;
  const location = headers.location ?? '';
  if (!URL.canParse(location, from.href) || location === '') return { refuse: 'an address that is none' };
  const target = new URL(location, from);
  const same = target.origin === from.origin;
  if (same && ((request.method ?? 'GET') === 'GET' || KEEPS_METHOD.has(status))) return { follow: target };
  return { refuse: same ? `${hostAndPort(target)}${target.pathname}` : `${target.protocol}//${hostAndPort(target)}` };
}
