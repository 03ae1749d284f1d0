import type * as local from '../local/faults.ts';

export type { AddedFault, FaultMatch, SeenRequest } from '../local/faults.ts';
export { makeFaults, ODD_ANSWERS } from '../local/faults.ts';

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

/** What happens to a request. A 429 has no `X-Retry-After` unless it is among the headers given. */
export type FaultAnswer = local.WireFault | PageFault;

export type Fault = local.Fault<FaultAnswer>;
export type Faults = local.Faults<FaultAnswer>;
export type Strike = local.Strike<FaultAnswer>;

/** A server that knows neither `limit` nor `cursor`: it refuses every listing request that has a query. */
export const REFUSES_QUERY: Fault = {
  when: (request) => request.endpoint === '/users' && request.query.size > 0,
  answer: { kind: 'status', status: 400, message: 'unknown query parameter' },
  times: Number.POSITIVE_INFINITY,
};
