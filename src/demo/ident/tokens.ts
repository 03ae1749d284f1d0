import { randomUUID } from 'node:crypto';
import { Refusal } from '../local/refusal.ts';

/** Bits of a permission mask that reading and writing users needs. */
export const PERMISSIONS = {
  listUsers: 0x10_0000,
  createUser: 0x20_0000,
  updateUser: 0x40_0000,
  deleteUser: 0x80_0000,
  sudo: 0x2000_0000,
} as const;

/** Whom a token stands for, and what it allows. */
export interface Claims {
  /** `user:<uuid>`, `application:<uuid>` or `organization:<uuid>`. */
  readonly sub: string;
  readonly permissions: number;
  /** Ms since 1970; null: it does not end. */
  readonly ends: number | null;
  /** A refresh token buys access tokens and nothing else. */
  readonly refresh: boolean;
}

/** Every token that this server handed out. */
export interface Tokens {
  issue(claims: Omit<Claims, 'ends' | 'refresh'> & { readonly lifeMs?: number; readonly refresh?: boolean }): string;
  /** What a request's header allows. Throws the 401 that says nothing of the reason, as the server does. */
  claims(authorization: string | undefined): Claims;
  revoke(token: string): void;
}

export const unauthorized = (): Refusal => new Refusal({ status: 401, message: 'unauthorized' });
export const forbidden = (): Refusal => new Refusal({ status: 403, message: 'forbidden' });

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Makes tokens that look like the server's: three parts, the claims in the middle one. */
export function makeTokens(now: () => number): Tokens {
  const known = new Map<string, Claims>();
  return {
    issue({ sub, permissions, lifeMs, refresh = false }) {
      const ends = lifeMs === undefined ? null : now() + lifeMs;
      const claims = {
        sub,
        prvd: { permissions },
        ...(ends === null ? {} : { exp: Math.floor(ends / 1000) }),
        jti: randomUUID(),
      };
      const token = `${encoded({ alg: 'RS256', typ: 'JWT' })}.${encoded(claims)}.${encoded(randomUUID())}`;
      known.set(token, { sub, permissions, ends, refresh });
      return token;
    },
    claims(authorization) {
      const given = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
      const claims = known.get(given);
      if (claims === undefined || (claims.ends !== null && claims.ends <= now())) throw unauthorized();
      return claims;
    },
    revoke: (token) => void known.delete(token),
  };
}

/** True where a mask has one of these bits. */
export function allows({ permissions }: Claims, ...bits: readonly number[]): boolean {
  return bits.some((bit) => (permissions & bit) !== 0);
}
