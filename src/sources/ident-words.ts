import { isObject, type Json } from '../contract/json.ts';
import type { Failure } from '../contract/source.ts';

const RIGHTS =
  "Listing users takes an application's token, or a user's with the permission ListUsers (0x100000) or Sudo: the usual mask (415) has neither";
/** Permissions that writing takes. */
const WRITING: Readonly<Record<string, string>> = {
  'POST /users': 'CreateUser (0x200000)',
  'PUT /users/{id}': 'UpdateUser (0x400000)',
  'DELETE /users/{id}': 'DeleteUser (0x800000)',
};

const ADVICE: Readonly<Record<number, string>> = {
  401: 'The token is wrong, expired or revoked, or lacks the right: organizations answer 401 for that, too. Put a new one in its place, or set refresh_token',
  403: `${RIGHTS}. Or set organization_id or application_id`,
  429: 'Ident answers so when it has banned the address of this machine: have the ban lifted by who runs the server, then run again. Asking again would prolong it',
};

/** What an error body of Ident's says: one message, or a list of them, and what to do about it. */
export function failure(status: number, body: Json | undefined, endpoint: string): Failure {
  const said = isObject(body) ? body : {};
  const errors = Array.isArray(said.errors) ? said.errors.filter((one) => isObject(one)) : [];
  const message = [said, ...errors]
    .map((one) => one.message)
    .filter((one) => typeof one === 'string')
    .join('; ');
  const expired =
    'The refresh token is wrong, revoked, or older than its 30 days: make a new one with the scope offline_access';
  const right = WRITING[endpoint];
  const lacking = `Give the user whose token this is the permission ${right} or Sudo, or use the token of one who has it`;
  const usual = status === 403 && right !== undefined ? lacking : ADVICE[status];
  const advice = endpoint === 'POST /tokens' && [401, 403].includes(status) ? expired : usual;
  return { ...(message === '' ? {} : { message }), ...(advice === undefined ? {} : { advice }) };
}
