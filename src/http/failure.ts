import type { Request } from '../contract/io.ts';
import { isObject, type Json } from '../contract/json.ts';
import type { Api, Failure } from '../contract/source.ts';
import { type ErrorFacts, type ErrorKind, RollcallError } from '../errors.ts';
import { excerpt } from './gateway.ts';
import { FEW_RETRIES, RETRIES } from './retry.ts';
import { type BodyProblem, Trouble } from './trouble.ts';

/** Whose requests fail here, and how that may be told. */
export interface Scene {
  readonly connection: string;
  readonly api: Api;
  /** `host:port` of the API. */
  readonly target: string;
  redact(text: string): string;
}

/** An answer with a status that is an error, its body read as far as an error body goes. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body where it is JSON and says so; undefined where a proxy or gateway wrote it, or nobody. */
  readonly body: Json | undefined;
  readonly serverMs: number | null;
}

interface FailedFacts extends ErrorFacts {
  readonly kind: ErrorKind;
}

/** An error of this layer: told with its connection, and without a secret. */
export function failed(scene: Scene, request: Request, words: string, { kind, ...facts }: FailedFacts): RollcallError {
  const message = scene.redact(`connection ${scene.connection}: ${words}`);
  return new RollcallError(kind, message, { step: request.endpoint, connection: scene.connection, ...facts });
}

/** A cause that holds no request, for requests carry credentials and causes are printed with `--verbose`. */
function causeOf(scene: Scene, error: Error): Error {
  const cause = new Error(scene.redact(error.message));
  cause.name = error.name;
  return cause;
}

const TLS = /^(?:EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|HOSTNAME_MISMATCH)/u;
const UNKNOWN_NAME: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_FAIL']);
const NO_ROUTE: ReadonlySet<string> = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'ENETDOWN']);
const BEFORE_SENDING: ReadonlySet<string> = new Set(['lookup', 'connect', 'secureConnect']);

interface NetworkWords {
  readonly reason: string;
  readonly words: string;
  readonly retries: number;
  /** The request never reached the server, so that even a write may be sent again. */
  readonly unsent: boolean;
}

function field(error: Error, name: 'code' | 'event' | 'syscall'): string {
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' ? value : '';
}

/** What went wrong on the network, in the words of a person. */
function networkWords(target: string, error: Error): NetworkWords {
  const code = field(error, 'code');
  const check = 'Check base_url or region of the connection, and the network of this machine.';
  const few = { retries: FEW_RETRIES, unsent: true };
  if (UNKNOWN_NAME.has(code)) {
    return { reason: 'unknown host', words: `the name of ${target} is not known to DNS (${code}). ${check}`, ...few };
  }
  if (code === 'ECONNREFUSED') {
    return { reason: 'refused', words: `${target} refuses connections: nothing listens there. ${check}`, ...few };
  }
  if (NO_ROUTE.has(code))
    return { reason: 'no route', words: `${target} cannot be reached (${code}). ${check}`, ...few };
  if (TLS.test(code)) {
    const words = `${target} could not prove by TLS who it is (${code}). Check base_url (https or http, the host's name), and NODE_EXTRA_CA_CERTS for a certificate authority of your own.`;
    return { reason: 'TLS', words, retries: 0, unsent: true };
  }
  if (code === 'ETIMEDOUT' && (BEFORE_SENDING.has(field(error, 'event')) || field(error, 'syscall') === 'connect')) {
    return { reason: 'connect time-out', words: `no connection to ${target} in time. ${check}`, ...few };
  }
  const lost = { retries: RETRIES, unsent: false };
  if (code === 'ETIMEDOUT') {
    return {
      reason: 'time-out',
      words: `${target} stopped sending and the request timed out. Try again later.`,
      ...lost,
    };
  }
  if (code.startsWith('HPE_')) {
    return { reason: 'not HTTP', words: `${target} does not answer in HTTP (${code}). ${check}`, ...lost };
  }
  const name = code === '' ? '' : ` (${code})`;
  return { reason: 'connection reset', words: `${target} broke off the connection${name}. Try again later.`, ...lost };
}

/** What a lost answer means for a write, which is never sent twice. */
function doubt(request: Request): string {
  return request.call === 'write' ? ' Whether the write was applied is not known: look before repeating it.' : '';
}

/** The trouble of a connection that could not be made or broke. */
export function networkTrouble(scene: Scene, request: Request, error: Error): Trouble {
  const { reason, words, retries, unsent } = networkWords(scene.target, error);
  const write = request.call === 'write' && !unsent;
  const told = `${request.endpoint}: ${words}${unsent ? '' : doubt(request)}`;
  const facts: FailedFacts = { kind: 'transient', cause: causeOf(scene, error) };
  return new Trouble({ reason, retries: write ? 0 : retries, error: failed(scene, request, told, facts) });
}

/** The trouble of an answer that was accepted by its status and whose body is not what was asked for. */
export function bodyTrouble(scene: Scene, request: Request, status: number, problem: BodyProblem): Trouble {
  const words = `${request.endpoint} was answered ${status}, but the answer ${problem.message}.${doubt(request)}`;
  const retries = problem.final || request.call === 'write' ? 0 : RETRIES;
  const error = failed(scene, request, words, { kind: problem.final ? 'bad-data' : 'transient', status });
  return new Trouble({ reason: problem.reason, retries, error });
}

function kindOf(refusal: Refusal): ErrorKind {
  const { status } = refusal;
  if (status === 401) return 'auth';
  if (status === 403) return 'permission';
  if (status === 429) return 'rate-limited';
  if (status === 408 || status >= 500) return 'transient';
  // A gateway that knows no such path says nothing of what the API knows.
  return status === 404 && !isObject(refusal.body) ? 'transient' : 'bad-data';
}

function adviceFor(kind: ErrorKind, status: number): string {
  if (kind === 'auth')
    return 'Check the token of the connection: it may be wrong, expired, revoked or of another account';
  if (kind === 'permission') return 'Give this credential the right to do it, or use another one';
  if (kind === 'rate-limited') return 'Try again later, or set lower limits for the connection';
  if (status === 404) return 'Check what was asked for, and base_url or region of the connection';
  if (kind === 'transient') return 'The server is in trouble: try again later';
  return 'The request is not accepted as it stands: check the settings of the connection and what was asked for';
}

/** One line of at most 300 characters, without control characters: the words of a server reach a terminal. */
const line = (text: string): string =>
  text
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 300);

/** Without the full stop that the sentence around it has already. */
const unstopped = (text: string): string => text.replace(/\.+$/u, '');

function vendorWords(refusal: Refusal, said: Failure): string {
  const id = said.request_id ?? refusal.headers['x-pylon-request-id'] ?? refusal.headers['x-request-id'];
  const marks = [
    said.code === undefined ? '' : `code ${line(said.code)}`,
    id === undefined ? '' : `request ${line(id)}`,
  ].filter((mark) => mark !== '');
  const message = said.message === undefined ? '' : `: ${unstopped(line(said.message))}`;
  return `${message}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}`;
}

/** The trouble of an answer whose status is an error. */
export function statusTrouble(scene: Scene, request: Request, refusal: Refusal): Trouble {
  const { status, serverMs } = refusal;
  const kind = kindOf(refusal);
  const said = refusal.body === undefined ? {} : scene.api.failure(status, refusal.body);
  const foreign = refusal.body === undefined && refusal.text.trim() !== '';
  const by = foreign ? ` by a proxy or gateway, not by the API: "${excerpt(refusal.text)}"` : '';
  const advice = unstopped(said.advice ?? adviceFor(kind, status));
  const write = request.call === 'write';
  const lost = kind === 'transient' && !(status === 503 && serverMs !== null);
  const words = `${request.endpoint} was answered ${status}${by}${vendorWords(refusal, said)}. ${advice}.${lost ? doubt(request) : ''}`;
  const retries = kind === 'transient' && !(write && lost) ? RETRIES : 0;
  return new Trouble({
    reason: `status ${status}`,
    retries,
    limited: status === 429,
    serverMs: status === 429 || status === 503 ? serverMs : null,
    error: failed(scene, request, words, { kind, status, ...(serverMs === null ? {} : { retryAfterMs: serverMs }) }),
  });
}
