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

/** What may happen to the request of any API. */
export type WireFault =
  /** An error in the API's own body. Headers are those given. */
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
  /** The request is served, whatever it changes is changed, and the connection is reset before any of the answer. */
  | { readonly kind: 'lost' }
  /** The true answer, late. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** This share (default half) of the true answer's body, as if it were all of it. */
  | { readonly kind: 'cut'; readonly part?: number };

/** One fault: when, what, and how often (default once; `Infinity` for always). */
export interface Fault<Answer> {
  readonly when?: FaultMatch | ((request: SeenRequest) => boolean);
  readonly answer: Answer;
  readonly times?: number;
}

/** A fault that was added. */
export interface AddedFault {
  /** How often it struck. */
  fired(): number;
  remove(): void;
}

/** The faults of one server, switchable while it runs. Where several fit a request, the one added first strikes. */
export interface Faults<Answer> {
  add(fault: Fault<Answer>): AddedFault;
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
} as const satisfies Record<string, WireFault>;

/** The server's side of the faults: what happens to this request, null for nothing. */
export type Strike<Answer> = (request: Omit<SeenRequest, 'nth'>) => Answer | null;

interface Live<Answer> {
  readonly fault: Fault<Answer>;
  /** Requests since it was added, by method and endpoint. */
  readonly seen: Map<string, number>;
  matched: number;
  fired: number;
}

function fits(live: Live<unknown>, request: Omit<SeenRequest, 'nth'>): boolean {
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
export function makeFaults<Answer>(): Faults<Answer> & { readonly strike: Strike<Answer> } {
  const all = new Set<Live<Answer>>();
  return {
    add(fault) {
      const live: Live<Answer> = { fault, seen: new Map(), matched: 0, fired: 0 };
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
