import type { Request } from '../contract/io.ts';
import { isObject, type Json } from '../contract/json.ts';
import type { Api, Failure } from '../contract/source.ts';
import { type ErrorFacts, type ErrorKind, RollcallError } from '../errors.ts';
import { excerpt } from './gateway.ts';
import { networkWords } from './network.ts';
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

/** Said where the answer to a write was lost, which is therefore not sent twice. */
const DOUBT = 'Whether the write was applied is not known: look before repeating it';

/** Said of an answer that nobody here can do anything about. */
export const STAYS = 'Run it again; if it stays, report it to who runs the API';

const NETWORK_RETRIES = { refused: FEW_RETRIES, lost: RETRIES, distrusted: 0, unsendable: 0 } as const;

/** The trouble of a connection that could not be made or broke. */
export function networkTrouble(scene: Scene, request: Request, error: Error): Trouble {
  const { reason, words, advice, phase } = networkWords(scene.target, error);
  const doubtful = request.call === 'write' && phase === 'lost';
  const told = `${request.endpoint}: ${words}. ${doubtful ? DOUBT : advice}.`;
  const kind = phase === 'unsendable' ? 'config' : 'transient';
  const facts: FailedFacts = { kind, inDoubt: doubtful, cause: causeOf(scene, error) };
  return new Trouble({
    reason,
    retries: doubtful ? 0 : NETWORK_RETRIES[phase],
    error: failed(scene, request, told, facts),
  });
}

/** The trouble of an answer that was accepted by its status and whose body is not what was asked for. */
export function bodyTrouble(scene: Scene, request: Request, status: number, problem: BodyProblem): Trouble {
  const write = request.call === 'write';
  const advice = write ? DOUBT : STAYS;
  const words = `${request.endpoint} was answered ${status}, but the answer ${problem.message}. ${advice}.`;
  const retries = problem.final || write ? 0 : RETRIES;
  const kind = problem.final ? 'bad-data' : 'transient';
  const error = failed(scene, request, words, { kind, status, inDoubt: write });
  return new Trouble({ reason: problem.reason, retries, error });
}

function kindOf({ api }: Scene, refusal: Refusal): ErrorKind {
  const { status } = refusal;
  if (api.shutOut?.includes(status)) return 'permission';
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

/** Longest text of a server that is quoted; a few notices of a policy fit in. */
const QUOTED = 1_000;

/** One line, without control characters: the words of a server reach a terminal. */
const line = (text: string): string =>
  text
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, QUOTED);

/** Without the full stop that the sentence around it has already. */
const unstopped = (text: string): string => text.replace(/\.+$/u, '');

function vendorWords({ redact }: Scene, refusal: Refusal, said: Failure): string {
  // Before it is cut: half a secret is not known for one any more.
  const words = (text: string): string => line(redact(text));
  const id = said.request_id ?? refusal.headers['x-pylon-request-id'] ?? refusal.headers['x-request-id'];
  const marks = [
    said.code === undefined ? '' : `code ${words(said.code)}`,
    id === undefined ? '' : `request ${words(id)}`,
  ].filter((mark) => mark !== '');
  const message = said.message === undefined ? '' : `: ${unstopped(words(said.message))}`;
  return `${message}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}`;
}

/** What the API says, in the vendor's words. A ban may come as two JSON documents in a row, which are no JSON. */
function saidOf({ api, redact }: Scene, request: Request, { status, body, text }: Refusal): Failure {
  if (body !== undefined) return api.failure(status, body, request.endpoint);
  if (!(api.shutOut?.includes(status) ?? false)) return {};
  return { message: excerpt(redact(text)), ...api.failure(status, body, request.endpoint) };
}

/** The trouble of an answer whose status is an error. */
export function statusTrouble(scene: Scene, request: Request, refusal: Refusal): Trouble {
  const { status, serverMs } = refusal;
  const kind = kindOf(scene, refusal);
  const shutOut = scene.api.shutOut?.includes(status) ?? false;
  const said = saidOf(scene, request, refusal);
  const foreign = refusal.body === undefined && refusal.text.trim() !== '' && !shutOut;
  const by = foreign ? ` by a proxy or gateway, not by the API: "${excerpt(scene.redact(refusal.text))}"` : '';
  // A gateway may answer for a server that is still at work: after any trouble of theirs what became of a write is open.
  const doubtful = request.call === 'write' && kind === 'transient';
  const advice = doubtful ? DOUBT : unstopped(said.advice ?? adviceFor(kind, status));
  const words = `${request.endpoint} was answered ${status}${by}${vendorWords(scene, refusal, said)}. ${advice}.`;
  const retries = kind === 'transient' && !doubtful ? RETRIES : 0;
  return new Trouble({
    reason: `status ${status}`,
    retries,
    limited: status === 429 && !shutOut,
    serverMs: (status === 429 && !shutOut) || status === 503 ? serverMs : null,
    error: failed(scene, request, words, {
      kind,
      status,
      inDoubt: doubtful,
      ...(serverMs === null ? {} : { retryAfterMs: serverMs }),
    }),
  });
}
