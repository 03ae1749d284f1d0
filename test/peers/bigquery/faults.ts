/** A request as a fault sees it. */
export interface Seen {
  readonly method: string;
  /** Path below the project. */
  readonly path: string;
  /** Id of the job that it inserts, where it does. */
  readonly job: string | null;
}

/** What goes wrong, how often, and where. Faults are tried in order; one that is used up no longer counts. */
export interface Fault {
  readonly where: (request: Seen) => boolean;
  /** How many requests it befalls; 1 where it is not said. */
  times?: number;
  readonly does: FaultKind;
}

/** What befalls a request, or the job that it inserts. */
export type FaultKind =
  /** Answers with an error and does nothing. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly reason: string;
      readonly message: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Answers with a page of HTML, as a gateway does. */
  | { readonly kind: 'gateway'; readonly status: number }
  /** Cuts the connection before anything is done. */
  | { readonly kind: 'reset' }
  /** Does what was asked, and cuts the connection instead of answering. */
  | { readonly kind: 'lost' }
  /** Does what was asked, and leaves these members out of the answer. */
  | { readonly kind: 'without'; readonly members: readonly string[] }
  /** Never answers. */
  | { readonly kind: 'silent' }
  /** The job fails without having done anything. */
  | { readonly kind: 'job'; readonly reason: string; readonly message: string }
  /** The job takes so long, in ms. */
  | { readonly kind: 'slow'; readonly ms: number };

/** The fault that befalls a request, taken off the list when it is used up. */
export function strike(faults: Fault[], request: Seen): FaultKind | null {
  const found = faults.find((fault) => (fault.times ?? 1) > 0 && fault.where(request));
  if (found === undefined) return null;
  found.times = (found.times ?? 1) - 1;
  return found.does;
}

/** Requests that insert a job whose id contains a text. */
export const inserting =
  (part: string) =>
  ({ job }: Seen): boolean =>
    job?.includes(part) === true;

/** Requests by method and a pattern of the path. */
export const asking =
  (method: string, path: RegExp) =>
  (request: Seen): boolean =>
    request.method === method && path.test(request.path);
