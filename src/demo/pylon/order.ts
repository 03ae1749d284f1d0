import { RollcallError } from '../../errors.ts';
import type { PylonUser } from './user.ts';

/** One page's worth of the order. `last` is the place after which the next page begins. */
export interface Slice {
  readonly users: readonly PylonUser[];
  readonly last: number;
  readonly more: boolean;
}

/**
 * A place in the listing. It stays when its user goes, so that a cursor, which names a place, keeps its meaning
 * whatever is inserted before it or removed under it.
 */
interface Place {
  readonly key: number;
  user: PylonUser | null;
}

/** The place before the first. */
export const START = 0;

function slice(places: readonly Place[], after: number, limit: number, keep: (user: PylonUser) => boolean) {
  const from = after === START ? 0 : places.findIndex((place) => place.key === after) + 1;
  if (after !== START && from === 0) return null;
  const users: PylonUser[] = [];
  let last = after;
  for (let index = from; index < places.length; index += 1) {
    const place = places[index];
    if (place === undefined || place.user === null || !keep(place.user)) continue;
    if (users.length === limit) return { users, last, more: true };
    users.push(place.user);
    last = place.key;
  }
  return { users, last, more: false };
}

function unknown(id: string): never {
  throw new RollcallError('bug', `the demo's Pylon has no user "${id}"`);
}

/** The users in listing order. An id that is not there is a mistake of the caller and throws. */
export function makeOrder(initial: readonly PylonUser[]) {
  let keys = START;
  const places: Place[] = [];
  const byId = new Map<string, Place>();

  const find = (id: string): PylonUser | undefined => byId.get(id)?.user ?? undefined;
  const placeOf = (id: string): Place => byId.get(id) ?? unknown(id);
  const get = (id: string): PylonUser => find(id) ?? unknown(id);
  const insert = (user: PylonUser, at?: number): void => {
    if (byId.has(user.id)) throw new RollcallError('bug', `the demo's Pylon has a user "${user.id}" already`);
    keys += 1;
    const place = { key: keys, user };
    byId.set(user.id, place);
    const follower = at === undefined ? undefined : places.filter((taken) => taken.user !== null)[at];
    if (follower === undefined) places.push(place);
    else places.splice(places.indexOf(follower), 0, place);
  };
  const remove = (id: string): void => {
    placeOf(id).user = null;
    byId.delete(id);
  };
  for (const user of initial) insert(user);

  return {
    users: (): PylonUser[] => places.flatMap(({ user }) => (user === null ? [] : [user])),
    find,
    get,
    insert,
    remove,
    replace(user: PylonUser): PylonUser {
      placeOf(user.id).user = user;
      return user;
    },
    move(id: string, index: number): void {
      const user = get(id);
      remove(id);
      insert(user, index);
    },
    reorder(ids: readonly string[]): void {
      const users = ids.map(get);
      const held = new Set(ids.map(placeOf));
      if (held.size !== ids.length) throw new RollcallError('bug', 'the new order names a user twice');
      let next = 0;
      for (const place of places.filter((candidate) => held.has(candidate))) {
        const user = users[next];
        next += 1;
        if (user === undefined) continue;
        place.user = user;
        byId.set(user.id, place);
      }
    },
    slice: (after: number, limit: number, keep: (user: PylonUser) => boolean): Slice | null =>
      slice(places, after, limit, keep),
  };
}
