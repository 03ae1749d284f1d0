import type { Session } from '../contract/source.ts';

/** The headers that prove who sends a request, kept fresh. */
export interface Credentials {
  /** Headers to send now, in addition to the API's own; logs in first where that is due. */
  headers(): Promise<Readonly<Record<string, string>>>;
  /**
   * Logs in anew after a 401 to a request that was sent with these headers. False where there is nothing to log in
   * with. A login that somebody else's 401 has brought about meanwhile counts.
   */
  renewed(sent: Readonly<Record<string, string>>): Promise<boolean>;
}

/** What credentials are kept fresh with. */
export interface LoginParts {
  readonly atOnce: boolean;
  /** Logs in. */
  enter(): Promise<Session>;
  now(): number;
}

/** A session is renewed this long before its end, in ms: a request that is sent now should be answered in it. */
const MARGIN_MS = 60_000;

const NOTHING: Readonly<Record<string, string>> = {};

/** Credentials that stay as they are. */
export const FIXED: Credentials = { headers: async () => NOTHING, renewed: async () => false };

/** Credentials that are renewed by logging in, once for all requests that need it at the same time. */
export function makeCredentials({ atOnce, enter, now }: LoginParts): Credentials {
  let headers = NOTHING;
  let renewAt = atOnce ? 0 : Number.POSITIVE_INFINITY;
  let entering: Promise<void> | null = null;
  const renew = async (): Promise<void> => {
    const session = await enter();
    headers = session.headers;
    const { lifeMs } = session;
    // Of a short life half is used: else each request would log in.
    renewAt = lifeMs === null ? Number.POSITIVE_INFINITY : now() + Math.max(lifeMs - MARGIN_MS, lifeMs / 2);
  };
  const once = async (): Promise<void> => {
    entering ??= renew().finally(() => {
      entering = null;
    });
    await entering;
  };
  return {
    async headers() {
      if (now() >= renewAt) await once();
      return headers;
    },
    async renewed(sent) {
      if (sent === headers) await once();
      return true;
    },
  };
}
