import type { Json, JsonObject } from '../../contract/json.ts';
import { Refusal } from '../local/refusal.ts';
import type { Asked, Endpoint } from '../local/route.ts';
import type { Reply } from '../local/send.ts';
import { bodyOf } from './login.ts';
import { jsonReply } from './reading.ts';
import { allows, type Claims, forbidden, PERMISSIONS, type Tokens } from './tokens.ts';
import { detailedUser, type IdentFields, type IdentUser } from './user.ts';
import type { IdentWorld } from './world.ts';

const NOTHING: Reply = { status: 204, headers: {}, body: '' };

const invalid = (message: string): Refusal => new Refusal({ status: 422, message });

function textIn(body: JsonObject, name: string): string | undefined {
  const value: Json | undefined = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new Refusal({ status: 400, message: `${name} must be a string` });
}

/** The columns of a body; a password is taken and kept nowhere. */
function fieldsIn(body: JsonObject): IdentFields {
  const [email, first_name, last_name] = [textIn(body, 'email'), textIn(body, 'first_name'), textIn(body, 'last_name')];
  const password = textIn(body, 'password');
  if (password !== undefined && password.length < 8) throw invalid('password must have at least 8 characters');
  return {
    ...(email === undefined ? {} : { email }),
    ...(first_name === undefined ? {} : { first_name }),
    ...(last_name === undefined ? {} : { last_name }),
  };
}

/** `POST /users`: asks for no token; a user without a password is a virtual one. */
function createUser(world: IdentWorld, asked: Asked): Reply {
  const fields = fieldsIn(bodyOf(asked));
  if (fields.email === undefined || fields.email === null) throw invalid('email is required');
  if (!fields.first_name) throw invalid('first_name is required');
  const taken = world.users().some((user) => user.application_id === null && user.email === fields.email);
  if (taken) throw new Refusal({ status: 409, message: 'user exists' });
  // The answer to a creation has the clock's nine digits, which the database cuts to six.
  const created_at = `${new Date(asked.now).toISOString().slice(0, 19)}.123456Z`;
  const user = world.add({ application_id: null, last_name: '', metadata: null, ...fields, created_at });
  return jsonReply({ ...detailedUser(user, world.zone), created_at: created_at.replace('Z', '789Z') }, 201);
}

function userOf(world: IdentWorld, claims: Claims, id: string, right: number): IdentUser {
  if (claims.sub !== `user:${id}` && !allows(claims, right, PERMISSIONS.sudo)) throw forbidden();
  const user = world.find(id);
  if (user === undefined) throw new Refusal({ status: 404, message: 'user not found' });
  return user;
}

/** `PUT /users/{id}`: partial, nothing is checked, and an `id` in the body inserts a second user. */
function updateUser(world: IdentWorld, claims: Claims, asked: Asked): Reply {
  const { id } = userOf(world, claims, asked.id, PERMISSIONS.updateUser);
  const body = bodyOf(asked);
  if (body.id === undefined) world.change(id, fieldsIn(body));
  else world.add({ ...fieldsIn(body), id: String(body.id) });
  return NOTHING;
}

/** `DELETE /users/{id}`. */
function deleteUser(world: IdentWorld, claims: Claims, asked: Asked): Reply {
  world.remove(userOf(world, claims, asked.id, PERMISSIONS.deleteUser).id);
  return NOTHING;
}

/** The calls that write. */
export function writing(world: IdentWorld, tokens: Tokens, prefix: string): Endpoint[] {
  const claims = ({ headers }: Asked): Claims => tokens.claims(headers.authorization);
  const one = `${prefix}/users/{id}`;
  return [
    { method: 'POST', path: `${prefix}/users`, call: 'write', serve: (asked) => createUser(world, asked) },
    { method: 'PUT', path: one, call: 'write', serve: (asked) => updateUser(world, claims(asked), asked) },
    { method: 'DELETE', path: one, call: 'write', serve: (asked) => deleteUser(world, claims(asked), asked) },
  ];
}
