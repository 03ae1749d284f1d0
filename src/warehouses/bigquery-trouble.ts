import { serverWait } from '../http/retry-after.ts';

/** What went wrong with one request or one job, as far as BigQuery told. */
export interface TroubleFacts {
  /** Status of the HTTP answer; null when there was no answer, or when a job failed. */
  readonly status: number | null;
  /** BigQuery's own word, such as `rateLimitExceeded`; empty when it has none. */
  readonly reason: string;
  readonly message: string;
  /** An answer that the API did not give: a page of a proxy or gateway. */
  readonly foreign?: boolean;
  /** How long the server asks to wait, in ms. */
  readonly waitMs?: number;
}

/** A request or a job that failed. Stays within this warehouse: `explained` makes it an error for a person. */
export class BigqueryTrouble extends Error {
  readonly facts: TroubleFacts;

  constructor(facts: TroubleFacts, cause?: unknown) {
    // What is wrong is said in one line, also where a server takes several.
    const message = facts.message.replaceAll(/\s*[\r\n]\s*/g, ' ');
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'BigqueryTrouble';
    this.facts = { ...facts, message };
  }
}

const SHORT_STATUS: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
const SHORT_REASON: ReadonlySet<string> = new Set([
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'backendError',
  'internalError',
]);

/** What the client says of credentials that it could not even ask with. */
const CREDENTIALS = /credential|invalid_grant|invalid_client|private.?key|client_email|(PEM|DECODER) routines/i;

/** The credentials cannot be used, or Google gave no token for them: nothing was asked of BigQuery yet. */
export function isCredentials({ status, reason, message }: TroubleFacts): boolean {
  if (reason !== '') return false;
  return status === null ? CREDENTIALS.test(message) : /^invalid_(grant|client)/.test(message);
}

/** The same request may succeed in a moment: the network, the server, or too many requests at once. */
export function isShort(facts: TroubleFacts): boolean {
  const { status, reason, message, foreign = false } = facts;
  if (status === 401) return false;
  if (foreign) return true;
  if (status === null && reason === '') return !isCredentials(facts) && !message.includes('ENOENT');
  return (status !== null && SHORT_STATUS.has(status)) || SHORT_REASON.has(reason);
}

const JOB_REASON: ReadonlySet<string> = new Set([
  'backendError',
  'internalError',
  'jobBackendError',
  'jobInternalError',
  'jobRateLimitExceeded',
  'rateLimitExceeded',
  'tableUnavailable',
]);
/** Conflicts with another transaction have no reason of their own. */
const CONFLICT =
  /aborted due to concurrent update|could not serialize access|exceeded rate limits|retrying the (job|query) may solve|concurrent (transaction|update|dml)|too many dml statements outstanding/i;

/** Another process made the same table or view at the same time: by now it is there, which "if not exists" then sees. */
const MADE = /^already exists: (table|view)/i;

/** Another transaction changed the same table at the same time. */
export const isConflict = (facts: TroubleFacts): boolean => isPassing(facts) && CONFLICT.test(facts.message);

/**
 * A job that failed for a reason that passes: another job with a new id may succeed. Some fail so fast that the request
 * which inserts them is answered with the failure; what was short trouble of a request was asked again as it was.
 */
export function isPassing(facts: TroubleFacts): boolean {
  const { status, reason, message } = facts;
  if (status !== null && isShort(facts)) return false;
  return JOB_REASON.has(reason) || CONFLICT.test(message) || (status === null && MADE.test(message));
}

/** Something is not there. Just after it was made that may not be the last word. */
export function isMissing({ status, reason, message }: TroubleFacts): boolean {
  return status === 404 || reason === 'notFound' || (status === null && /^not found: (table|dataset)/i.test(message));
}

/** The shape of an error inside an answer. */
interface Told {
  readonly reason?: unknown;
  readonly message?: unknown;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The client's ApiError, or an error of the network or of the credentials. */
interface Thrown {
  readonly code?: unknown;
  readonly errors?: unknown;
  readonly message?: unknown;
  readonly response?: {
    readonly statusCode?: unknown;
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  };
}

/** The API answers with JSON; anything else comes from something in between. */
function isForeign(body: unknown): boolean {
  return typeof body === 'string' && !body.trimStart().startsWith('{');
}

/** What the client makes of an answer without a body: many words that say nothing. */
const SILENT = /^Multiple errors occurred/;

/** What was said, in words. */
function wordsOf({ message, response }: Thrown, first: Told, status: number): string {
  if (isForeign(response?.body)) return `${status} from a proxy or gateway and not from the API`;
  const said = text(first.message) || text(message);
  return said === '' || SILENT.test(said) ? `${status} without a word` : said;
}

/** What the client threw. */
export function requestTrouble(error: unknown): BigqueryTrouble {
  if (error instanceof BigqueryTrouble) return error;
  // Each part is looked at before it is used.
  const thrown = (error ?? {}) as Thrown;
  const { code, errors, message, response } = thrown;
  const first: Told = Array.isArray(errors) ? (errors[0] ?? {}) : {};
  // The body of an error need not repeat the status of its answer.
  const status = [code, response?.statusCode].find((found) => typeof found === 'number');
  // Without an answer there is nothing of the request in the error; with one there may be its token.
  if (status === undefined)
    return new BigqueryTrouble({ status: null, reason: '', message: text(message) || String(error) }, error);
  const words = wordsOf(thrown, first, status);
  const facts = { status, reason: text(first.reason), message: words, foreign: isForeign(response?.body) };
  const waitMs = serverWait(response?.headers ?? {}, Date.now());
  return new BigqueryTrouble(waitMs === null ? facts : { ...facts, waitMs });
}

/** What the status of a finished job says of its failure; null where it succeeded. */
export function jobTrouble(status: { readonly errorResult?: unknown }): BigqueryTrouble | null {
  const { errorResult } = status;
  if (typeof errorResult !== 'object' || errorResult === null) return null;
  const { reason, message }: Told = errorResult;
  return new BigqueryTrouble({
    status: null,
    reason: text(reason) || 'unknown',
    message: text(message) || 'the job failed',
  });
}
