/** What went wrong on the network, in the words of a person. */
export interface NetworkWords {
  /** In two or three words, for logs and metrics. */
  readonly reason: string;
  readonly words: string;
  /** What to do about it. */
  readonly advice: string;
  /**
   * `refused`: no connection came about, so that even a write may be sent again; `lost`: it broke with the request under
   * way; `distrusted` and `unsendable`: nothing was sent, and it will be the same next time.
   */
  readonly phase: 'refused' | 'lost' | 'distrusted' | 'unsendable';
}

const TLS = /^(?:EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|HOSTNAME_MISMATCH)/u;
const UNSENDABLE = /^(?:ERR_INVALID_|ERR_UNSUPPORTED_PROTOCOL|ERR_UNESCAPED_)/u;
const UNKNOWN_NAME: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_FAIL']);
const NO_ROUTE: ReadonlySet<string> = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'ENETDOWN']);
const BEFORE_SENDING: ReadonlySet<string> = new Set(['lookup', 'connect', 'secureConnect']);

const CHECK_ADDRESS = 'Check base_url or region of the connection, and the network of this machine';
const CHECK_TLS =
  'Check base_url (https or http, the name of the host), and NODE_EXTRA_CA_CERTS where the certificate authority is your own';
const CHECK_CREDENTIAL =
  'Check that the credential of the connection has no line break or unusual character, and base_url';
const LATER = 'Try again later';

function field(error: Error, name: 'code' | 'event' | 'syscall'): string {
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' ? value : '';
}

function unconnected(target: string, error: Error, code: string): NetworkWords | null {
  const known = { advice: CHECK_ADDRESS, phase: 'refused' } as const;
  if (UNKNOWN_NAME.has(code)) {
    return { reason: 'unknown host', words: `the name of ${target} is not known to DNS (${code})`, ...known };
  }
  if (code === 'ECONNREFUSED') {
    return { reason: 'refused', words: `${target} refuses connections: nothing listens there`, ...known };
  }
  if (NO_ROUTE.has(code)) return { reason: 'no route', words: `${target} cannot be reached (${code})`, ...known };
  if (code === 'ETIMEDOUT' && (BEFORE_SENDING.has(field(error, 'event')) || field(error, 'syscall') === 'connect')) {
    return { reason: 'connect time-out', words: `no connection to ${target} in time`, ...known };
  }
  return null;
}

/** Tells a network error by its code. `target` is `host:port`. */
export function networkWords(target: string, error: Error): NetworkWords {
  const code = field(error, 'code');
  const early = unconnected(target, error, code);
  if (early !== null) return early;
  if (TLS.test(code)) {
    return { reason: 'TLS', words: `TLS with ${target} failed (${code})`, advice: CHECK_TLS, phase: 'distrusted' };
  }
  if (UNSENDABLE.test(code)) {
    const words = `the request to ${target} cannot be written as HTTP (${code})`;
    return { reason: 'not sendable', words, advice: CHECK_CREDENTIAL, phase: 'unsendable' };
  }
  if (code === 'ETIMEDOUT') {
    return {
      reason: 'time-out',
      words: `${target} fell silent and the request timed out`,
      advice: LATER,
      phase: 'lost',
    };
  }
  if (code.startsWith('HPE_')) {
    const words = `${target} does not answer in HTTP (${code})`;
    return { reason: 'not HTTP', words, advice: CHECK_ADDRESS, phase: 'lost' };
  }
  const named = code === '' ? '' : ` (${code})`;
  return {
    reason: 'connection reset',
    words: `${target} broke off the connection${named}`,
    advice: LATER,
    phase: 'lost',
  };
}
