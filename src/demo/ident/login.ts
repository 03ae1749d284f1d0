import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../contract/json.ts';
import { objectOf } from '../local/body.ts';
import { Refusal } from '../local/refusal.ts';
import type { Asked } from '../local/route.ts';
import type { Reply } from '../local/send.ts';
import { jsonReply } from './reading.ts';
import { type Claims, forbidden, type Tokens, unauthorized } from './tokens.ts';
import { detailedUser } from './user.ts';
import type { IdentWorld } from './world.ts';

const HOUR_MS = 3_600_000;
const REFRESH_LIFE_MS = 30 * 24 * HOUR_MS;

/** The password of everybody in the local API, which stores none. */
export const PASSWORD = 'correct horse';

/** The request's body as an object. Throws the 400, in Ident's words. */
export const bodyOf = (asked: Asked): JsonObject => objectOf(asked, 'malformed request body');

/** `POST /authenticate`: a day's token for an address and a password, and a refresh token where it is asked for. */
export function authenticate(world: IdentWorld, tokens: Tokens, asked: Asked): Reply {
  const { email, password, scope } = bodyOf(asked);
  const user = world.users().find((candidate) => candidate.email === email);
  if (user === undefined || password !== PASSWORD) throw unauthorized();
  const { permissions } = user;
  const sub = `user:${user.id}`;
  const offline = scope === 'offline_access';
  const life = offline ? HOUR_MS : 24 * HOUR_MS;
  const token = {
    id: randomUUID(),
    access_token: tokens.issue({ sub, permissions, lifeMs: life }),
    ...(offline
      ? { refresh_token: tokens.issue({ sub, permissions, lifeMs: REFRESH_LIFE_MS, refresh: true }), scope }
      : {}),
    expires_in: life / 1000,
    permissions,
  };
  return jsonReply({ user: detailedUser(user, world.zone), token }, 201);
}

/** `POST /tokens` with a refresh token as bearer: an access token of one hour, and no new refresh token. */
export function renew(tokens: Tokens, claims: Claims, asked: Asked): Reply {
  const { grant_type: grant, scope } = bodyOf(asked);
  if (grant === 'client_credentials') throw new Refusal({ status: 501, message: 'not implemented' });
  if (grant !== 'refresh_token' || !claims.refresh) throw unauthorized();
  if (scope !== undefined) throw forbidden();
  const { sub, permissions } = claims;
  const access_token = tokens.issue({ sub, permissions, lifeMs: HOUR_MS });
  return jsonReply({ id: randomUUID(), access_token, expires_in: HOUR_MS / 1000, permissions }, 201);
}
