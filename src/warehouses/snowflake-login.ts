import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { RollcallError } from '../errors.ts';
import { keptName } from './snowflake-names.ts';

const CREDENTIALS = ['private_key', 'password', 'token', 'oauth_token'] as const;
const DOMAIN = /\.snowflakecomputing\.(com|cn|mil)$/i;

const secret = (words: string) => z.string().min(1).exactOptional().meta({ secret: true }).describe(words);

const fields = z.strictObject({
  account: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be an account identifier such as myorg-account1, not an address')
    .refine((given) => !DOMAIN.test(given), 'must be the part in front of .snowflakecomputing.com')
    .exactOptional()
    .describe('Account identifier, such as myorg-account1'),
  access_url: z
    .url({ protocol: /^https?$/, error: 'must be a URL that begins with https:// or http://' })
    .exactOptional()
    .describe('Address of the account where it is another one, such as that of a private link'),
  user: z.string().min(1).exactOptional().describe('Login name; a token brings its own'),
  private_key: secret('Private key of the user, as PEM'),
  private_key_passphrase: secret('What the private key is encrypted with'),
  password: secret('Password of the user'),
  token: secret('Programmatic access token'),
  oauth_token: secret('OAuth access token'),
  warehouse: z.string().min(1).describe('Virtual warehouse that loads and queries run on'),
  database: z.string().min(1).describe('Database of the tables; it must be there'),
  schema: z.string().min(1).describe('Schema of the tables; made when it is missing'),
  role: z.string().min(1).exactOptional().describe("Role to work with; default: the user's own"),
  query_tag: z
    .string()
    .max(2000)
    .default('rollcall')
    .describe("Tag of every query in Snowflake's history, to find their cost by"),
});

/** The options of `warehouse: { type: snowflake }`. */
export const options = fields.superRefine((o, context) => {
  const wrong = (key: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [key], message });
  };
  const given = CREDENTIALS.filter((key) => o[key] !== undefined);
  if (o.account === undefined && o.access_url === undefined)
    wrong('account', 'is missing: write the account identifier, or access_url');
  if (given.length === 0) wrong('private_key', `is missing: give one of ${CREDENTIALS.join(', ')}`);
  for (const key of given.slice(1)) wrong(key, `cannot stand beside ${given[0]}: keep one of the two`);
  if (o.user === undefined && (o.private_key !== undefined || o.password !== undefined))
    wrong('user', `is missing: ${given[0]} needs the user's login name`);
  if (o.private_key_passphrase !== undefined && o.private_key === undefined)
    wrong('private_key_passphrase', 'belongs to private_key, which is missing');
});

export type Options = z.infer<typeof options>;

function refused(message: string, cause?: unknown): RollcallError {
  return new RollcallError('config', message, { step: 'log in', cause });
}

/** The private key. In an environment variable its lines may be written with `\n`. */
function keyOf(o: Options): KeyObject | null {
  if (o.private_key === undefined) return null;
  const key = o.private_key.replaceAll('\\n', '\n').trim();
  if (!key.startsWith('-----BEGIN '))
    throw refused('warehouse.private_key is no PEM text: it must begin with -----BEGIN PRIVATE KEY----- or the like');
  const isEncrypted = key.includes('ENCRYPTED');
  if (isEncrypted && o.private_key_passphrase === undefined)
    throw refused('warehouse.private_key is encrypted: set warehouse.private_key_passphrase');
  try {
    return createPrivateKey({ key, format: 'pem', passphrase: o.private_key_passphrase });
  } catch (error) {
    const why = isEncrypted
      ? 'warehouse.private_key_passphrase does not open it'
      : 'it is damaged or of another format';
    throw refused(`warehouse.private_key cannot be read: ${why}`, error);
  }
}

/** The public key's fingerprint as Snowflake shows it (`DESC USER`, RSA_PUBLIC_KEY_FP); null without a key. */
export function fingerprintOf(o: Options): string | null {
  const key = keyOf(o);
  if (key === null) return null;
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return `SHA256:${createHash('sha256').update(der).digest('base64')}`;
}

/** The account that a key pair's token is made out to, where the address alone is given. */
function accountOf(o: Options): string {
  if (o.account !== undefined) return o.account;
  return new URL(o.access_url ?? '').hostname.split('.', 1)[0] ?? '';
}

/** Which way of logging in the options ask for, in the driver's words. */
function credentialOf(o: Options): Record<string, string> {
  const key = keyOf(o);
  if (key !== null) {
    if (key.asymmetricKeyType !== 'rsa') throw refused('warehouse.private_key must be an RSA key');
    const privateKey = String(key.export({ format: 'pem', type: 'pkcs8' }));
    return { authenticator: 'SNOWFLAKE_JWT', privateKey };
  }
  if (o.password !== undefined) return { authenticator: 'SNOWFLAKE', password: o.password };
  if (o.token !== undefined) return { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: o.token };
  return { authenticator: 'OAUTH', token: o.oauth_token ?? '' };
}

/** A name for the login, which folds it as SQL does. */
const named = (given: string): string => {
  const kept = keptName(given);
  return /^[A-Z_][A-Z0-9_$]*$/.test(kept) ? kept : `"${kept.replaceAll('"', '""')}"`;
};

/** What the driver is told to log in with. Throws a config error for a key that cannot be used. */
export function loginOptions(o: Options) {
  return {
    ...credentialOf(o),
    account: accountOf(o),
    ...(o.access_url === undefined ? {} : { accessUrl: o.access_url.replace(/\/+$/, '') }),
    ...(o.user === undefined ? {} : { username: o.user }),
    ...(o.role === undefined ? {} : { role: named(o.role) }),
    warehouse: named(o.warehouse),
    database: named(o.database),
    schema: named(o.schema),
    queryTag: o.query_tag,
    application: 'Rollcall',
  };
}
