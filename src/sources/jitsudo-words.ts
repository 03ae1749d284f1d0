import { isObject, type Json } from '../contract/json.ts';
import type { Failure } from '../contract/source.ts';

const ADVICE: Readonly<Record<number, string>> = {
  401: 'Check the credential. A token (JWT) lives for one hour: put a new one in its place, or use an api_key, which does not end. A scan that it broke off goes on where it stopped',
  403: 'Permit it to this credential in the Cedar policies of the tenant; if only groups are denied, `groups: false` leaves them out',
};

const MISMATCH = 'The credential is of another tenant: set tenant_id to its tenant, or use a credential of this one';

/** What an error body of JITSudo's says, with the notices of its Cedar policies, and what to do about it. */
export function failure(status: number, body: Json | undefined): Failure {
  const said = isObject(body) ? body : {};
  const code = typeof said.code === 'string' ? said.code : undefined;
  const notices = Array.isArray(said.notices) ? said.notices.filter((notice) => typeof notice === 'string') : [];
  const message = [...(typeof said.message === 'string' ? [said.message] : []), ...notices].join('; ');
  const advice = code === 'tenant_mismatch' ? MISMATCH : ADVICE[status];
  return {
    ...(message === '' ? {} : { message }),
    ...(code === undefined ? {} : { code }),
    ...(advice === undefined ? {} : { advice }),
  };
}
