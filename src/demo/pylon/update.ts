import type { Json } from '../../contract/json.ts';
import { type Asked, oneReply, readBody, showUser } from './asked.ts';
import { badRequest, type Reply } from './reply.ts';
import type { PylonUserFields } from './user.ts';
import { findUser } from './users.ts';

/** The states that a user can be put in; it is presence, not whether the account is enabled. */
const STATUSES: ReadonlySet<string> = new Set(['active', 'away', 'out_of_office']);

function textField(name: string, value: Json | undefined): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw badRequest(`${name}: must be a string`);
}

function readChanges(asked: Asked): PylonUserFields {
  const body = readBody(asked);
  const roleId = textField('role_id', body.role_id);
  const status = textField('status', body.status);
  const name = textField('name', body.name);
  const avatar = textField('avatar_url', body.avatar_url);
  const role = asked.world.roles().find(({ id }) => id === roleId);
  if (roleId !== undefined && role === undefined) throw badRequest(`role_id: there is no role "${roleId}"`);
  if (status !== undefined && !STATUSES.has(status)) {
    throw badRequest('status: must be one of active, away, out_of_office');
  }
  if (avatar !== undefined && !/\.(png|jpe?g)$/i.test(avatar)) {
    throw badRequest('avatar_url: must be a .png, .jpg or .jpeg');
  }
  return {
    ...(role === undefined ? {} : { role_id: role.id, role }),
    ...(status === undefined ? {} : { status }),
    ...(name === undefined ? {} : { name }),
    ...(avatar === undefined ? {} : { avatar_url: avatar }),
  };
}

/** `PATCH /users/{id}`: changes the given ones of `role_id`, `status`, `name`, `avatar_url`; other fields are ignored. */
export function updateUser(asked: Asked): Reply {
  const { id } = findUser(asked);
  return oneReply(asked, showUser(asked, asked.world.change(id, readChanges(asked))));
}
