// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { afterEach } from 'vitest';
import { type IdentApi, type IdentOptions, startIdent } from '../../src/demo/ident/server.ts';
import { type Connected, makePlace, type Place } from './places.ts';

/** Template of lookups, for faults. */
export const ONE = '/api/v1/users/{id}';

const running: IdentApi[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()));
});

/** Starts a local Ident with 60 users unless told; it is closed after the test. */
export async function ident(options: IdentOptions = {}): Promise<IdentApi> {
  const api = await startIdent({ users: 60, ...options });
  running.push(api);
  return api;
}

/** What a connection has beside its address. */
export interface Given {
  readonly secret?: string;
  readonly settings?: Connected;
}

/** A connection `product` to the API, by a token unless told. */
export function placeOf(api: IdentApi, { secret = api.token, settings = {} }: Given = {}): Place {
  const credential = settings.refresh_token === undefined ? { token: '${IDENT}' } : {};
  return makePlace({ product: { source: 'ident', base_url: api.url, ...credential, ...settings } }, { IDENT: secret });
}
