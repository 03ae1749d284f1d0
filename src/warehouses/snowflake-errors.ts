import { type ErrorKind, RollcallError } from '../errors.ts';
import { codeOf, isMute } from './snowflake-link.ts';
import { fingerprintOf, type Options } from './snowflake-login.ts';
import { keptName, quotedName, schemaName } from './snowflake-names.ts';

/** What an error says of who must act; `advice` comes behind Snowflake's own words. */
interface Verdict {
  readonly kind: ErrorKind;
  readonly advice: string;
}

/** Snowflake's own words in one line. */
function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const words = text
    .replace(/^SQL (compilation|execution) error:\s*/i, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return words === '' ? 'no reason given' : words.replace(/\.$/, '');
}

/** The role as an admin names it in a GRANT. */
export const roleIn = (o: Options): string => (o.role === undefined ? '<the role of the user>' : quotedName(o.role));

const userOf = (o: Options): string => (o.user === undefined ? 'the user' : `user ${o.user}`);

function keyAdvice(o: Options): string {
  const user = o.user === undefined ? '<user>' : quotedName(o.user);
  return (
    `Snowflake does not know this key for ${userOf(o)}. warehouse.private_key has the fingerprint ${fingerprintOf(o)}: ` +
    `compare it with RSA_PUBLIC_KEY_FP in \`DESC USER ${user}\`, and set the public key with ` +
    `\`ALTER USER ${user} SET RSA_PUBLIC_KEY = '…'\`. If they are the same, check warehouse.account and this host's clock`
  );
}

/** Why a login was refused. */
function loginVerdict(code: string, words: string, o: Options): Verdict | null {
  if (
    /network policy|not allowed to access snowflake|\bIP\b.*not allowed/i.test(words) ||
    code === '390420' ||
    code === '390422'
  )
    return {
      kind: 'permission',
      advice: `a network policy keeps this host out: ask an admin to allow its address for ${userOf(o)} (a programmatic access token needs a network policy of its own)`,
    };
  if (/JWT/i.test(words) || code === '390144')
    return { kind: 'auth', advice: o.private_key === undefined ? '' : keyAdvice(o) };
  if (/role .*(does not exist|not authorized|not granted)/i.test(words) || code === '390189')
    return {
      kind: 'permission',
      advice: `check warehouse.role, or grant it: GRANT ROLE ${roleIn(o)} TO USER ${o.user === undefined ? '<user>' : quotedName(o.user)}`,
    };
  if (/multi-?factor|MFA|duo|passcode/i.test(words))
    return { kind: 'auth', advice: 'a password needs a second factor here: use private_key, or token' };
  if (/lock(ed|out)|too many (failed|attempts)|disabled/i.test(words))
    return { kind: 'auth', advice: `ask an admin to look at ${userOf(o)}: it is locked or disabled` };
  if (
    code.startsWith('3901') ||
    code.startsWith('3903') ||
    code.startsWith('3944') ||
    /password|token|authenticat|credential/i.test(words)
  )
    return {
      kind: 'auth',
      advice: 'check warehouse.user and its key, password or token: they may be wrong or expired',
    };
  return null;
}

/** Why a login was refused, where nothing is known of it. */
const UNNAMED: Verdict = { kind: 'auth', advice: 'ask an admin of the account what keeps this user out' };

const GRANT_TABLES = (o: Options): string =>
  `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schemaName(o)} TO ROLE ${roleIn(o)} (or let that role own them)`;

const missing = (grant: string): Verdict => ({ kind: 'permission', advice: `ask an admin for: ${grant}` });

/** The GRANT that a refused statement lacks, by what Snowflake's words are about. */
function grantVerdict(words: string, o: Options): Verdict {
  const [schema, role] = [schemaName(o), roleIn(o)];
  const about = (kind: string): boolean => new RegExp(`\\b${kind}\\b`, 'i').test(words);
  if (about('warehouse')) return missing(`GRANT USAGE ON WAREHOUSE ${quotedName(o.warehouse)} TO ROLE ${role}`);
  if (about('database'))
    return missing(
      `GRANT USAGE, CREATE SCHEMA ON DATABASE ${quotedName(o.database)} TO ROLE ${role} (the database must be there)`,
    );
  if (about('schema')) return missing(`GRANT USAGE, CREATE TABLE, CREATE VIEW ON SCHEMA ${schema} TO ROLE ${role}`);
  return missing(GRANT_TABLES(o));
}

/** Why a statement was refused. */
function statementVerdict(code: string, words: string, step: string, o: Options): Verdict | null {
  if (code === '000606' || /no active warehouse/i.test(words))
    return missing(
      `GRANT USAGE ON WAREHOUSE ${quotedName(o.warehouse)} TO ROLE ${roleIn(o)} (the warehouse must be there)`,
    );
  if (/resource monitor|quota/i.test(words))
    return {
      kind: 'permission',
      advice: 'its credits are used up: raise the resource monitor, or wait for its next period',
    };
  if (/warehouse .*suspended|cannot be resumed/i.test(words))
    return missing(`ALTER WAREHOUSE ${quotedName(o.warehouse)} SET AUTO_RESUME = TRUE (or GRANT OPERATE on it)`);
  if (code === '003001' || /insufficient privileges|not authorized to/i.test(words)) return grantVerdict(words, o);
  if (code === '002043' || /\b(database|schema|warehouse)\b.* does not exist or not authorized/i.test(words))
    return grantVerdict(words, o);
  if (/^(090105|090106)$/.test(code)) return grantVerdict(code === '090105' ? 'database' : 'schema', o);
  if (isCrowded(code, words))
    return { kind: 'transient', advice: 'other programs are changing the same tables; run again, or at another time' };
  if (code === '000904' && step === 'apply the batch')
    return { kind: 'bug', advice: 'somebody may have dropped a column: run again, which makes it anew and fills it' };
  if (/^(000604|000630)$/.test(code))
    return { kind: 'transient', advice: 'somebody cancelled it, or it took too long; run again' };
  if (/^(000603|300002|300005)$/.test(code))
    return { kind: 'transient', advice: 'Snowflake failed by itself; run again' };
  return null;
}

/** Too many wait for the same table, or the lock did not come: a later try finds it free. */
export function isCrowded(code: string, words: string): boolean {
  return (
    code === '000625' ||
    /number of waiters|lock(ed)? (timeout|wait)|deadlock|was aborted because the number/i.test(words)
  );
}

/** The network, or a server that does not speak Snowflake's protocol: behind a login that is somebody on the way. */
function networkVerdict(code: string, error: unknown, step: string, o: Options): Verdict | null {
  const mute = isMute(error);
  if (!mute && !/^(401|402)/.test(code)) return null;
  const address = `the address ${o.access_url ?? `${o.account}.snowflakecomputing.com`}`;
  const status = statusOf(error);
  if (mute && step !== 'log in')
    return {
      kind: 'transient',
      advice: `${address} answered with something that is no answer of Snowflake's; check proxies on the way and run again`,
    };
  if (mute || (step === 'log in' && (status === 403 || status === 404)))
    return {
      kind: 'config',
      advice: `${address} does not answer as a Snowflake account: check warehouse.account or warehouse.access_url, and proxies on the way`,
    };
  if (/ENOTFOUND|EAI_AGAIN/.test(wordsOf(error)))
    return { kind: 'transient', advice: `${address} is not known here: check warehouse.account, DNS and the network` };
  return {
    kind: 'transient',
    advice: `${address} ${status === null ? 'was not reached' : `answered ${status}`}; check the network and run again`,
  };
}

/** HTTP status of the answer that an error came from. */
function statusOf(error: unknown): number | null {
  if (!(error instanceof Error) || !('response' in error)) return null;
  const { response } = error;
  if (typeof response !== 'object' || response === null || !('status' in response)) return null;
  return typeof response.status === 'number' ? response.status : null;
}

/** What failed, in words. */
function placeOf(step: string, reached: boolean, o: Options): string {
  if (step !== 'log in') return `Snowflake failed to ${step}`;
  return reached
    ? `Snowflake refused the login${o.user === undefined ? '' : ` of ${keptName(o.user)}`}`
    : 'cannot log in to Snowflake';
}

/** Snowflake's refusal as an error that says who must act. */
export function explain(error: unknown, step: string, o: Options): RollcallError {
  if (error instanceof RollcallError) {
    if (error.step !== '') return error;
    return new RollcallError(error.kind, error.message, { step, cause: error.cause ?? error });
  }
  const [code, words] = [codeOf(error), wordsOf(error)];
  const network = networkVerdict(code, error, step, o);
  // Behind a login the words of a statement may be about anything; what is about the login has a number of its own.
  const ofLogin = step === 'log in' || code.startsWith('39');
  const verdict =
    network ??
    (ofLogin ? loginVerdict(code, words, o) : null) ??
    statementVerdict(code, words, step, o) ??
    (step === 'log in' ? UNNAMED : null);
  const told = `${placeOf(step, network === null, o)}: ${words}${code === '' ? '' : ` (${code})`}`;
  if (verdict === null) return new RollcallError('bug', told, { step, cause: error });
  const { kind, advice } = verdict;
  const next = advice === '' ? '' : `. ${advice.charAt(0).toUpperCase()}${advice.slice(1)}`;
  return new RollcallError(kind, `${told}${next}`, { step, cause: error });
}
