import type { JsonObject } from '../../src/contract/json.ts';
import { startBluebricks } from '../../src/demo/bluebricks/server.ts';
import { startIdent } from '../../src/demo/ident/server.ts';
import { detailedUser, listedUser } from '../../src/demo/ident/user.ts';
import { startJitsudo } from '../../src/demo/jitsudo/server.ts';
import type { LocalServer } from '../../src/demo/local/api.ts';
import { ODD_ANSWERS, type WireFault } from '../../src/demo/local/faults.ts';
import { type PylonApi, startPylon } from '../../src/demo/pylon/server.ts';
import { startCrewboard } from './crewboard.ts';

/** Answers that are no page of a listing, although some look like success. */
export const ODDITIES = ['html', 'empty', 'no content', 'null', 'errors', 'cut', 'text'] as const;
export type Oddity = (typeof ODDITIES)[number];

/** A source's local API, as the contract suite needs it. */
export interface LocalApi {
  /** Options of a connection to it, as they would stand in the config. */
  readonly options: Record<string, unknown>;
  /** The same with credentials that it refuses, by what is wrong with them. */
  readonly refused: Readonly<Record<string, Record<string, unknown>>>;
  /** What must never be shown. */
  readonly secrets: readonly string[];
  /** The listed users as they are sent, in order. */
  listed(): JsonObject[];
  /** A listed user as a lookup sends him. */
  looked(listed: JsonObject): JsonObject;
  /** Takes a user away for good. */
  remove(id: string): void;
  /** The listing's answers are this from the nth request of it on. */
  spoilListing(oddity: Oddity, nth: number): void;
  /** The next answer to the listing is 429, without a word about how long. */
  limitListing(): void;
  /** Lookups of a user by id are answered 404 by somebody who is not the API: with a page, or with other JSON. */
  gatewayLookups(body: 'html' | 'json'): void;
  /** Requests for the listing so far. */
  listings(): number;
  close(): Promise<void>;
}

/** How the contract suite gets a source's API. */
export interface SourceDriver {
  /** Users that make more than two pages or pieces of a listing. */
  readonly many: number;
  start(users: number): Promise<LocalApi>;
}

const ODD: Readonly<Record<Oddity, WireFault>> = {
  html: ODD_ANSWERS.html,
  empty: ODD_ANSWERS.empty,
  'no content': ODD_ANSWERS.noContent,
  null: ODD_ANSWERS.null,
  errors: ODD_ANSWERS.errors,
  cut: { kind: 'cut', part: 0.6 },
  text: { kind: 'body', body: 'OK', type: 'text/plain' },
};

const GATEWAY = {
  html: { kind: 'body', status: 404, type: 'text/html', body: '<html><title>Not here</title></html>' },
  json: { kind: 'body', status: 404, body: '{"message":"no route matched"}' },
} as const;

/** A fault that stays. */
const FOR_EVER = Number.POSITIVE_INFINITY;

/** What a driver tells of its server beside the faults, which are the same for all. */
type Own = Pick<LocalApi, 'options' | 'refused' | 'secrets' | 'listed' | 'remove'> & Partial<Pick<LocalApi, 'looked'>>;

function local(api: LocalServer | PylonApi, paths: { list: string; one: string }, own: Own): LocalApi {
  return {
    looked: (user) => user,
    ...own,
    spoilListing: (oddity, nth) =>
      void api.faults.add({ when: { path: paths.list, nth }, answer: ODD[oddity], times: FOR_EVER }),
    limitListing: () => void api.faults.add({ when: { path: paths.list }, answer: { kind: 'status', status: 429 } }),
    gatewayLookups: (body) =>
      void api.faults.add({ when: { path: paths.one }, answer: GATEWAY[body], times: FOR_EVER }),
    listings: () => api.log.filter(({ path }) => path.split('?')[0] === paths.list).length,
    close: () => api.close(),
  };
}

/** The same as JSON sends it. */
const sent = (users: readonly unknown[]): JsonObject[] => JSON.parse(JSON.stringify(users));

const NO_LIMITS = { list: 0, get: 0, search: 0, write: 0 };

async function pylon(users: number): Promise<LocalApi> {
  const api = await startPylon({ users, limits: NO_LIMITS });
  const options = { token: api.token, base_url: api.url };
  return local(
    api,
    { list: '/users', one: '/users/{id}' },
    {
      options,
      refused: {
        'a wrong token': { ...options, token: 'pyl_secret_of_nobody' },
        'a token of the other region': { ...options, token: api.foreignToken },
        'a token that is no header': { ...options, token: 'pyl two words' },
      },
      secrets: [api.token, api.foreignToken, 'pyl_secret_of_nobody', 'pyl two words'],
      listed: () => sent(api.world.users()),
      remove: (id) => api.world.remove(id),
    },
  );
}

async function ident(users: number): Promise<LocalApi> {
  const api = await startIdent({ users });
  const { token: _token, ...rest } = { token: api.token, base_url: api.url };
  const refused = ['nobodys.secret.token', 'secret two words'];
  return local(
    api,
    { list: '/api/v1/users', one: '/api/v1/users/{id}' },
    {
      options: { token: api.token, ...rest },
      refused: {
        'a wrong token': { ...rest, token: 'nobodys.secret.token' },
        'a token that is no header': { ...rest, token: 'secret two words' },
        'a refresh token in the place of a token': { ...rest, token: api.refreshToken },
        'a wrong refresh token': { ...rest, refresh_token: 'nobodys.secret.token' },
      },
      secrets: [api.token, api.refreshToken, ...refused],
      listed: () => sent(api.world.users().map((user) => listedUser(user, 0))),
      looked({ id }) {
        const user = api.world.find(String(id));
        return user === undefined ? {} : detailedUser(user, 0);
      },
      remove: (id) => api.world.remove(id),
    },
  );
}

async function bluebricks(users: number): Promise<LocalApi> {
  const api = await startBluebricks({ users });
  const options = { token: api.token, base_url: api.url };
  return local(
    api,
    { list: '/api/v1/organization/members', one: '/api/v1/user/{id}' },
    {
      options,
      refused: {
        'a wrong key': { ...options, token: 'bbx_secret_of_nobody' },
        'a key that is no header': { ...options, token: 'bbx two words' },
      },
      secrets: [api.token, 'bbx_secret_of_nobody', 'bbx two words'],
      listed: () => sent(api.world.members()),
      remove: (id) => api.world.remove(id),
    },
  );
}

async function jitsudo(users: number): Promise<LocalApi> {
  const api = await startJitsudo({ users });
  const options = { api_key: api.apiKey, base_url: api.url, tenant_id: api.world.tenantId };
  const { api_key: _key, ...rest } = options;
  return local(
    api,
    { list: '/v1/users', one: '/v1/users/{id}' },
    {
      options,
      refused: {
        'a wrong key': { ...options, api_key: 'jsk_secret_of_nobody' },
        'a wrong token': { ...rest, token: 'jst_secret_of_nobody' },
        'a key in the place of a token': { ...rest, token: api.apiKey },
      },
      secrets: [api.apiKey, api.token, 'jsk_secret_of_nobody', 'jst_secret_of_nobody'],
      listed: () => sent(api.world.users()),
      remove: (id) => api.world.remove(id),
    },
  );
}

async function crewboard(users: number): Promise<LocalApi> {
  const api = await startCrewboard(users);
  const options = { token: api.token, base_url: api.url };
  return local(
    api,
    { list: '/people', one: '/people/{id}' },
    {
      options,
      refused: { 'a wrong token': { ...options, token: 'crew-secret-of-nobody' } },
      secrets: [api.token, 'crew-secret-of-nobody'],
      listed: () => sent(api.people.filter((person) => person !== null)),
      remove(id) {
        api.people[api.people.findIndex((person) => person?.id === id)] = null;
      },
    },
  );
}

/** One driver for every registered source, by its name. */
export const sourceDrivers: Readonly<Record<string, SourceDriver>> = {
  pylon: { many: 2500, start: pylon },
  ident: { many: 2500, start: ident },
  bluebricks: { many: 350, start: bluebricks },
  jitsudo: { many: 170, start: jitsudo },
};

/** The driver of examples/crewboard-source.ts: a source of a user's own must do all that ours do. */
export const exampleDriver: SourceDriver = { many: 250, start: crewboard };
