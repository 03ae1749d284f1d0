import { createHash, type KeyObject, verify } from 'node:crypto';
import { Failure } from './failure.ts';

/** A user that may log in. */
export interface User {
  readonly name: string;
  readonly password?: string;
  readonly token?: string;
  readonly oauth?: string;
  readonly publicKey?: KeyObject;
  readonly roles: readonly string[];
}

/** What a login sends. */
export interface LoginData {
  readonly ACCOUNT_NAME?: string;
  readonly LOGIN_NAME?: string;
  readonly PASSWORD?: string;
  readonly TOKEN?: string;
  readonly AUTHENTICATOR?: string;
}

const INCORRECT = new Failure('390100', 'Incorrect username or password was specified.', '08001');
const INVALID_JWT = new Failure('390144', 'JWT token is invalid. [9c5c1f3e]', '08001');

function decoded(part: string | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'));
}

/** A key pair's token: made out to the account and the user, signed by the key whose fingerprint it names. */
function checkJwt(user: User, { TOKEN = '', ACCOUNT_NAME = '' }: LoginData): void {
  const [head, body, signature = ''] = TOKEN.split('.');
  if (user.publicKey === undefined) throw INVALID_JWT;
  const der = user.publicKey.export({ format: 'der', type: 'spki' });
  const subject = `${ACCOUNT_NAME.toUpperCase()}.${user.name.toUpperCase()}`;
  const issuer = `${subject}.SHA256:${createHash('sha256').update(der).digest('base64')}`;
  const { iss, sub, exp } = decoded(body);
  const signed = verify(
    'RSA-SHA256',
    Buffer.from(`${head}.${body}`),
    user.publicKey,
    Buffer.from(signature, 'base64url'),
  );
  // The driver writes its times in milliseconds.
  if (!signed || iss !== issuer || sub !== subject || Number(exp) < Date.now()) throw INVALID_JWT;
}

/** Who logs in. Throws what the server says to wrong credentials. */
export function authenticate(users: readonly User[], data: LoginData): User {
  const { AUTHENTICATOR = 'SNOWFLAKE', LOGIN_NAME = '', TOKEN, PASSWORD } = data;
  const named = users.find((user) => user.name.toUpperCase() === LOGIN_NAME.toUpperCase());
  if (AUTHENTICATOR === 'OAUTH') {
    const found = users.find((user) => user.oauth !== undefined && user.oauth === TOKEN);
    if (found === undefined) throw new Failure('390303', 'Invalid OAuth access token. [1b2c]', '08001');
    return found;
  }
  if (AUTHENTICATOR === 'PROGRAMMATIC_ACCESS_TOKEN') {
    const found = users.find((user) => user.token !== undefined && user.token === TOKEN);
    if (found === undefined) throw new Failure('394400', 'Programmatic access token is invalid.', '08001');
    return found;
  }
  if (named === undefined) throw INCORRECT;
  if (AUTHENTICATOR === 'SNOWFLAKE_JWT') checkJwt(named, data);
  else if (named.password === undefined || named.password !== PASSWORD) throw INCORRECT;
  return named;
}
