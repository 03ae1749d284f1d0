import { isObject, type Json, type JsonObject } from '../../contract/json.ts';
import { Refusal } from '../local/refusal.ts';
import type { Asked } from '../local/route.ts';
import type { BluebricksUser, BluebricksWorld } from './world.ts';

const badRequest = (message: string): Refusal => new Refusal({ status: 400, message });

function bodyOf({ body }: Asked): JsonObject {
  try {
    const parsed: Json = JSON.parse(body);
    if (isObject(parsed)) return parsed;
  } catch {
    // Any text that is not JSON is the caller's mistake, whatever the parser says about it.
  }
  throw badRequest('the body must be a JSON object');
}

/**
 * `POST /user/{id}/roles`: `roles` (ids) replace the user's, or with `add` are added. Returns what is answered: a thinner
 * user, and his environments.
 */
export function setRoles(world: BluebricksWorld, user: BluebricksUser, asked: Asked): JsonObject {
  const { roles, add } = bodyOf(asked);
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
