import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AuthClient } from 'google-auth-library';
import { RollcallError } from '../errors.ts';
import type { BigqueryOptions } from './bigquery-options.ts';

const SCOPES = ['https://www.googleapis.com/auth/bigquery'];

type Library = typeof import('google-auth-library');

function unusable(file: string, why: string, cause?: unknown): RollcallError {
  const facts = { step: 'open warehouse', ...(cause === undefined ? {} : { cause }) };
  return new RollcallError('config', `warehouse.credentials_file: ${file} ${why}`, facts);
}

/** The key file's JSON object. What its parser says is not repeated: it may quote the key. */
function contentOf(file: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const gone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw unusable(file, gone ? 'does not exist' : 'cannot be read: give this user the right to read it', error);
  }
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content === 'object' && content !== null && !Array.isArray(content)) return { ...content };
  } catch {
    // Said below, as for JSON that is no object.
  }
  throw unusable(file, 'is no key file: it must hold the JSON object that Google gave for a service account');
}

/** The key of a service account, looked at before it is used: a request that it cannot sign would look like a dead network. */
function serviceAccount(library: Library, file: string, content: Readonly<Record<string, unknown>>): AuthClient {
  const { client_email: email, private_key: key, private_key_id: keyId } = content;
  if (typeof email !== 'string' || typeof key !== 'string')
    throw unusable(
      file,
      'is no key file of a service account: it has no client_email or no private_key; make a new key',
    );
  try {
    createPrivateKey(key);
  } catch {
    throw unusable(file, 'has a private_key that cannot be read; make a new key');
  }
  return new library.JWT({ email, key, scopes: SCOPES, ...(typeof keyId === 'string' ? { keyId } : {}) });
}

function fromFile(library: Library, file: string): AuthClient {
  const content = contentOf(file);
  const { type = 'service_account' } = content;
  if (type === 'service_account') return serviceAccount(library, file, content);
  try {
    if (type === 'authorized_user') {
      const client = new library.UserRefreshClient();
      client.fromJSON(content);
      return client;
    }
    if (type === 'external_account') {
      // Its members are looked at by the library.
      const options = content as unknown as Parameters<Library['ExternalAccountClient']['fromJSON']>[0];
      const client = library.ExternalAccountClient.fromJSON(options);
      if (client !== null) {
        client.scopes = SCOPES;
        return client;
      }
    }
  } catch (error) {
    throw unusable(file, `cannot be used: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  const other =
    'give the key file of a service account, or leave the setting out and name the file in GOOGLE_APPLICATION_CREDENTIALS';
  throw unusable(file, `holds credentials of type ${String(type)}; ${other}`);
}

/** Who asks, as the options say; undefined for Google's application default credentials. */
export async function authClientOf(o: BigqueryOptions): Promise<AuthClient | undefined> {
  const { credentials_file: file, token } = o;
  if (file === undefined && token === undefined) return undefined;
  const library = await import('google-auth-library');
  if (file !== undefined) return fromFile(library, file);
  const client = new library.OAuth2Client();
  client.setCredentials({ access_token: token ?? null });
  return client;
}
