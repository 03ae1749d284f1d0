import { createHash } from 'node:crypto';
import { type Link, logIn, logOut } from './snowflake-link.ts';
import type { Options } from './snowflake-login.ts';

/**
 * A session that nobody has used for so long is closed, in ms. Snowflake lets it be renewed for four hours, also where
 * the token that it began with has expired by then: those of OAuth mostly last ten minutes, and a scan may take longer.
 */
const IDLE = 3 * 60 * 60_000;

interface Kept {
  readonly link: Link;
  readonly timer: NodeJS.Timeout;
}

/** Sessions that wait for their next user, by what they were logged in with. */
const waiting = new Map<string, Kept[]>();

let watched = false;

/** A key that two equal options share and that tells nothing of their secrets. */
const keyOf = (o: Options): string => createHash('sha256').update(JSON.stringify(o)).digest('hex');

/** The process is about to end by itself: nobody will use these sessions again. */
async function closeAll(): Promise<void> {
  const all = [...waiting.values()].flat();
  waiting.clear();
  for (const { timer } of all) clearTimeout(timer);
  await Promise.all(all.map(({ link }) => logOut(link)));
}

/** A session of one's own: one that was given back, else a new one. A run opens the warehouse several times; it logs in once. */
export async function takeLink(o: Options, scratch: string): Promise<Link> {
  const kept = waiting.get(keyOf(o)) ?? [];
  for (let one = kept.pop(); one !== undefined; one = kept.pop()) {
    clearTimeout(one.timer);
    if (one.link.connection.isUp()) return one.link;
  }
  return logIn(o, scratch);
}

/** Gives a session back to whoever is next. One that is lost is closed: the server must not hold its locks. */
export async function giveLink(o: Options, link: Link): Promise<void> {
  if (link.lost) {
    await logOut(link);
    return;
  }
  if (!watched) process.once('beforeExit', closeAll);
  watched = true;
  const key = keyOf(o);
  const kept = waiting.get(key) ?? [];
  const timer = setTimeout(async () => {
    waiting.set(
      key,
      (waiting.get(key) ?? []).filter((one) => one.link !== link),
    );
    await logOut(link);
  }, IDLE);
  timer.unref();
  waiting.set(key, [...kept, { link, timer }]);
}
