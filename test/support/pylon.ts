import { afterEach, expect } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/json.ts';
import { type PylonApi, type PylonOptions, startPylon } from '../../src/demo/pylon/server.ts';

/** One answer of the demo API, its body parsed. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: JsonObject;
}

const running: PylonApi[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()));
});

/** Starts the demo API, without request limits unless told; it is closed after the test that started it. */
export async function start(options: PylonOptions = {}): Promise<PylonApi> {
  return startAsPublished({ limits: { list: 0, get: 0, search: 0, write: 0 }, ...options });
}

/** Starts the demo API with the vendor's own limits; it is closed after the test that started it. */
export async function startAsPublished(options: PylonOptions = {}): Promise<PylonApi> {
  const api = await startPylon(options);
  running.push(api);
  return api;
}

/** What a request sends beside its path: POST where there is a body, and the server's own token, unless told. */
export interface Sent {
  readonly method?: string;
  readonly body?: Json;
  readonly authorization?: string | null;
}

/** Sends one request and leaves the body to the caller. */
export async function raw(api: PylonApi, path: string, sent: Sent = {}): Promise<Response> {
  const { method = sent.body === undefined ? 'GET' : 'POST', authorization = `Bearer ${api.token}` } = sent;
  return await fetch(`${api.url}${path}`, {
    method,
    headers: authorization === null ? {} : { authorization },
    ...(sent.body === undefined ? {} : { body: JSON.stringify(sent.body) }),
  });
}

/** Sends one request whose answer is JSON. */
export async function ask(api: PylonApi, path: string, sent: Sent = {}): Promise<Answered> {
  const response = await raw(api, path, sent);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
}

/** `POST /users/search`. */
export const search = (api: PylonApi, body: Json) => ask(api, '/users/search', { body });

/** The records of a page, as objects. */
export function records({ body }: Answered): JsonObject[] {
  expect(body.data).toBeInstanceOf(Array);
  // The line above has failed for anything else; the API's users are objects.
  return body.data as JsonObject[];
}

/** The ids of a page, in order. */
export const ids = (answered: Answered) => records(answered).map((user) => user.id);

/** The pagination of a page, which must have one. */
export function pagination({ body }: Answered): { cursor: string; has_next_page: boolean } {
  expect(body.pagination).toEqual({ cursor: expect.any(String), has_next_page: expect.any(Boolean) });
  // Checked by the line above.
  return body.pagination as { cursor: string; has_next_page: boolean };
}

/** Path of the page that follows a cursor. */
export const after = (cursor: string, limit: number) => `/users?limit=${limit}&cursor=${cursor}`;

/** Every id of the listing, page by page; `between` runs after each page. */
export async function readAll(
  api: PylonApi,
  limit: number,
  between: (page: number) => void = () => {},
): Promise<Json[]> {
  const all: Json[] = [];
  let path = `/users?limit=${limit}`;
  for (let page = 1; ; page += 1) {
    const answered = await ask(api, path);
    all.push(...ids(answered).map((id) => id ?? null));
    const { cursor, has_next_page } = pagination(answered);
    if (!has_next_page) return all;
    between(page);
    path = after(cursor, limit);
  }
}

/** Expects an error as the API words it: status, the vendor's envelope and code. */
export function expectError(answered: Answered, status: number, message: RegExp, code?: string): void {
  expect(answered.status).toBe(status);
  expect(answered.headers.get('content-type')).toMatch(/^application\/json/);
  expect(answered.body).toEqual({
    errors: [expect.stringMatching(message)],
    request_id: answered.headers.get('x-pylon-request-id'),
    ...(code === undefined ? {} : { code }),
  });
}
