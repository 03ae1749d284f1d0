import type { JsonObject } from '../../contract/json.ts';
import { badRequest, objectOf } from '../local/body.ts';
import type { Asked } from '../local/route.ts';
import type { BluebricksUser, BluebricksWorld } from './world.ts';

/**
 * `POST /user/{id}/roles`: `roles` (ids) replace the user's, or with `add` are added. Returns what is answered: a thinner
 * user, and his environments.
 */
export function setRoles(world: BluebricksWorld, user: BluebricksUser, asked: Asked): JsonObject {
  const { roles, add } = objectOf(asked);
  if (!Array.isArray(roles)) throw badRequest('roles must be an array');
  const wanted = roles.map((id) => {
    const role = world.roles().find((known) => known.id === id);
    if (role === undefined) throw badRequest(`there is no role ${JSON.stringify(id)}`);
    return role;
  });
  const before = add === true ? (user.roles ?? []) : [];
  const after = [...before, ...wanted.filter((role) => !before.some(({ id }) => id === role.id))];
  const { id, name, email } = world.change(user.id, { roles: after });
  return { id, name, email, assigned_environments: [] };
}
