import { isObject, type Json } from '../contract/json.ts';
import type { Login } from '../contract/source.ts';

/** Whom a token is for: `user:<uuid>`, `application:<uuid>` or `organization:<uuid>`; null where it does not say. */
export function subjectOf(token: string | undefined): string | null {
  const claims = token?.split('.')[1] ?? '';
  try {
    const parsed: Json = JSON.parse(Buffer.from(claims, 'base64url').toString());
    return isObject(parsed) && typeof parsed.sub === 'string' ? parsed.sub : null;
  } catch {
    // A token that is no JWT works as well; it only says nothing of itself.
    return null;
  }
}

/** A refresh token (30 days) buys access tokens of one hour, one after the other, and never a new refresh token. */
export function refreshing(refreshToken: string, atOnce: boolean): Login {
  return {
    atOnce,
    request: {
      call: 'get',
      endpoint: 'POST /tokens',
      method: 'POST',
      path: '/tokens',
      // Nothing else may be asked for: a scope beside it is answered 403.
      body: { grant_type: 'refresh_token' },
    },
    headers: { authorization: `bearer ${refreshToken}` },
    session(body) {
      const said = isObject(body) ? body : {};
      const inner = isObject(said.token) ? said.token : said;
      const token = [inner.access_token, inner.token].find((given) => typeof given === 'string' && given !== '');
      if (typeof token !== 'string') return null;
      const lifeMs = typeof inner.expires_in === 'number' && inner.expires_in > 0 ? inner.expires_in * 1000 : null;
      return { headers: { authorization: `bearer ${token}` }, lifeMs };
    },
  };
}
