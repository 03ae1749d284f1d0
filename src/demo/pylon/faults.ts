/** A request as a fault's condition sees it. */
export interface SeenRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The endpoint's template, `/users/{id}`; "" for an unknown path. */
  readonly endpoint: string;
  readonly query: URLSearchParams;
  /** How many requests of this method and endpoint came since the fault was added, this one included. */
  readonly nth: number;
}

/** Conditions that must all hold. Left out: any. */
export interface FaultMatch {
  readonly method?: string;
  /** A path (`/users/u_1`) or an endpoint's template (`/users/{id}`). */
  readonly path?: string;
  /** From this matching request on, counted from 1 since the fault was added. Default 1. */
  readonly nth?: number;
}

/** Faults of one page of a listing; answers that are no listing stay as they are. */
export type PageFault =
  /** `has_next_page` is true and there is no `data`. */
  | { readonly kind: 'without_data' }
  | { readonly kind: 'without_pagination' }
  /** The cursor that was asked for is handed out again, or (first page) `has_next_page` is true come what may. */
  | { readonly kind: 'repeat_cursor' }
  /** The listing's first user comes once more at the end of this page. */
  | { readonly kind: 'duplicate' }
  /** One more record, as JSON text, so that it may be anything: no id, a number, an object as name. Default at the end. */
  | { readonly kind: 'record'; readonly json: string; readonly at?: number }
  /** The last page comes for ever (give `times: Infinity`), with the same users or with new ids. */
  | { readonly kind: 'endless'; readonly users: 'same' | 'new' };

const PAGE_FAULTS: ReadonlySet<string> = new Set<PageFault['kind']>([
  'without_data',
  'without_pagination',
  'repeat_cursor',
  'duplicate',
  'record',
  'endless',
]);

/** True for the faults that need the true page. */
export function isPageFault(fault: FaultAnswer | null): fault is PageFault {
  return fault !== null && PAGE_FAULTS.has(fault.kind);
}

/** What happens to a request. */
export type FaultAnswer =
  /** An error in the API's own body. Headers are those given: a 429 has no `X-Retry-After` unless it is among them. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly message?: string;
      readonly code?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Any bytes under any status (default 200) and type (default JSON). */
  | { readonly kind: 'body'; readonly body: string; readonly status?: number; readonly type?: string }
  /** The connection is reset after this share (0..1) of the true answer's body; left out: before any of the answer. */
  | { readonly kind: 'reset'; readonly part?: number }
  /** The true answer, late. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** This share (default half) of the true answer's body, as if it were all of it. */
  | { readonly kind: 'cut'; readonly part?: number }
  | PageFault;

/** One fault: when, what, and how often (default once; `Infinity` for always). */
export interface Fault {
  readonly when?: FaultMatch | ((request: SeenRequest) => boolean);
  readonly answer: FaultAnswer;
  readonly times?: number;
}

/** A fault that was added. */
export interface AddedFault {
  /** How often it struck. */
  fired(): number;
  remove(): void;
}

/** The faults of one server, switchable while it runs. Where several fit a request, the one added first strikes. */
export interface Faults {
  add(fault: Fault): AddedFault;
  clear(): void;
}

const HTML = '<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>';

/** Answers that are no page although they look like success, and a proxy's page; ready to use as `answer`. */
export const ODD_ANSWERS = {
  badGateway: { kind: 'body', status: 502, type: 'text/html', body: HTML },
  html: { kind: 'body', type: 'text/html; charset=utf-8', body: HTML },
  empty: { kind: 'body', body: '' },
  noContent: { kind: 'body', status: 204, body: '' },
  null: { kind: 'body', body: 'null' },
  errors: { kind: 'body', body: '{"errors":["The listing is not available"],"request_id":"00000000"}' },
} as const satisfies Record<string, FaultAnswer>;

/** A server that knows neither `limit` nor `cursor`: it refuses every listing request that has a query. */
export const REFUSES_QUERY: Fault = {
  when: (request) => request.endpoint === '/users' && request.query.size > 0,
  answer: { kind: 'status', status: 400, message: 'unknown query parameter' },
  times: Number.POSITIVE_INFINITY,
};

/** The server's side of the faults: what happens to this request, null for nothing. */
export type Strike = (request: Omit<SeenRequest, 'nth'>) => FaultAnswer | null;

interface Live {
  readonly fault: Fault;
  /** Requests since it was added, by method and endpoint. */
  readonly seen: Map<string, number>;
  matched: number;
  fired: number;
}

function fits(live: Live, request: Omit<SeenRequest, 'nth'>): boolean {
  const bucket = `${request.method} ${request.endpoint}`;
  const nth = (live.seen.get(bucket) ?? 0) + 1;
  live.seen.set(bucket, nth);
  const when = live.fault.when ?? {};
  if (typeof when === 'function') return when({ ...request, nth });
  if (when.method !== undefined && when.method !== request.method) return false;
  if (when.path !== undefined && when.path !== request.path && when.path !== request.endpoint) return false;
  live.matched += 1;
  return live.matched >= (when.nth ?? 1);
}

/** Makes an empty set of faults. */
export function makeFaults(): Faults & { readonly strike: Strike } {
  const all = new Set<Live>();
  return {
    add(fault) {
      const live: Live = { fault, seen: new Map(), matched: 0, fired: 0 };
      all.add(live);
      return { fired: () => live.fired, remove: () => void all.delete(live) };
    },
    clear: () => all.clear(),
    strike(request) {
      // Every fault counts the request, also those that do not strike: "the third page" means the third page.
      const ready = [...all].filter((live) => fits(live, request) && live.fired < (live.fault.times ?? 1));
      const [first] = ready;
      if (first === undefined) return null;
      first.fired += 1;
      return first.fault.answer;
    },
  };
}
