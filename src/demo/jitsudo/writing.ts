import { badRequest, objectOf } from '../local/body.ts';
import { Refusal } from '../local/refusal.ts';
import type { Asked } from '../local/route.ts';
import type { JitsudoUser, JitsudoWorld } from './world.ts';

/** `PUT /users/{id}`: name and roles, both; the name of a user of an identity provider is not changed here. */
export function putUser(world: JitsudoWorld, user: JitsudoUser, asked: Asked): JitsudoUser {
  const { name, roles } = objectOf(asked);
  if (typeof name !== 'string' || name === '') throw badRequest('name is required');
  if (!Array.isArray(roles)) throw badRequest('roles is required');
  const given = roles.map((role) => String(role));
  const unknown = given.find((role) => !world.roles().includes(role));
  if (unknown !== undefined) throw new Refusal({ status: 422, message: `invalid role: ${unknown}` });
  const kept = user.auth_provider === 'local' ? name : user.name;
  return world.change(user.id, { name: kept, roles: given });
}

/** `POST /users/{id}/suspend`: `active` false suspends, true reactivates. */
export function suspendUser(world: JitsudoWorld, user: JitsudoUser, asked: Asked): JitsudoUser {
  const { active } = objectOf(asked);
  if (typeof active !== 'boolean') throw badRequest('active is required');
  return world.change(user.id, { active });
}
