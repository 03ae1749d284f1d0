import { type Asked, oneReply, pageReply, readBody, showUser } from './asked.ts';
import { type Listing, type Place, readCursor, writeCursor } from './cursor.ts';
import { type Keep, readFilter } from './filter.ts';
import { START } from './order.ts';
import { LAST } from './page.ts';
import { badRequest, notFound, type Reply } from './reply.ts';
import type { PylonUser } from './user.ts';

/** The default that is published for the search; nothing is published for the listing, so it has the same. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 999;

interface Wanted {
  readonly listing: Listing;
  readonly limit: number;
  /** "" for the first page. */
  readonly cursor: string;
  readonly keep: Keep;
}

function checkLimit(limit: number): number {
  if (Number.isInteger(limit) && limit > 0 && limit <= MAX_LIMIT) return limit;
  throw badRequest('limit: must be greater than 0 and less than 1000');
}

function placeOf(wanted: Wanted): Place {
  const place = wanted.cursor === '' ? { after: START, turn: 0 } : readCursor(wanted.listing, wanted.cursor);
  if (place === null) throw badRequest('cursor: not a cursor of this listing');
  return place;
}

function usersReply(asked: Asked, wanted: Wanted): Reply {
  const place = placeOf(wanted);
  const slice = asked.world.slice(place.after, wanted.limit, wanted.keep);
  if (slice === null) throw badRequest('cursor: not a cursor of this listing');
  const cursor = writeCursor(wanted.listing, { after: slice.last, turn: 0 });
  const first = asked.world.slice(START, 1, wanted.keep)?.users[0];
  return pageReply(
    asked,
    {
      records: slice.users.map((user) => showUser(asked, user)),
      pagination: slice.more ? { cursor, has_next_page: true } : LAST,
    },
    {
      listing: wanted.listing,
      asked: place,
      askedText: wanted.cursor === '' ? null : wanted.cursor,
      first: first === undefined ? null : showUser(asked, first),
    },
  );
}

/** `GET /users`: `limit` (1 to 999, default 100), `cursor`, `include_deactivated`; other parameters are ignored. */
export function listUsers(asked: Asked): Reply {
  const { query, world } = asked;
  const included = query.get('include_deactivated') ?? 'false';
  if (included !== 'true' && included !== 'false') throw badRequest('include_deactivated: must be true or false');
  const deactivated = world.deactivated();
  const limit = query.get('limit');
  return usersReply(asked, {
    listing: 'users',
    limit: limit === null ? DEFAULT_LIMIT : checkLimit(/^\d+$/.test(limit) ? Number(limit) : Number.NaN),
    cursor: query.get('cursor') ?? '',
    keep: included === 'true' ? () => true : (user) => !deactivated.has(user.id),
  });
}

/** `POST /users/search`: finds among the users whom the plain listing shows. */
export function searchUsers(asked: Asked): Reply {
  const { filter, limit = DEFAULT_LIMIT, cursor } = readBody(asked);
  if (cursor !== undefined && cursor !== null && typeof cursor !== 'string')
    throw badRequest('cursor: must be a string');
  const keep = readFilter(filter);
  const deactivated = asked.world.deactivated();
  return usersReply(asked, {
    listing: 'search',
    limit: checkLimit(typeof limit === 'number' ? limit : Number.NaN),
    cursor: cursor ?? '',
    keep: (user) => !deactivated.has(user.id) && keep(user),
  });
}

/** The user whom the path names. Throws the 404. */
export function findUser({ world, id }: Asked): PylonUser {
  const user = world.find(id);
  if (user === undefined) throw notFound(`user not found: ${id}`);
  return user;
}

/** `GET /users/{id}`: deactivated users are found, too. */
export function oneUser(asked: Asked): Reply {
  return oneReply(asked, showUser(asked, findUser(asked)));
}
