import { type Asked, oneReply, pageReply } from './asked.ts';
import { START } from './order.ts';
import { LAST } from './page.ts';
import { notFound, type Reply } from './reply.ts';
import type { PylonTeam } from './user.ts';

function onePage(asked: Asked, items: readonly unknown[]): Reply {
  const records = items.map((item) => JSON.stringify(item));
  const origin = { listing: null, asked: { after: START, turn: 0 }, askedText: null, first: records[0] ?? null };
  return pageReply(asked, { records, pagination: LAST }, origin);
}

function showTeam({ world }: Asked, team: PylonTeam) {
  const members = team.members.flatMap((id) => {
    const user = world.deactivated().has(id) ? undefined : world.find(id);
    return user === undefined ? [] : [{ id, email: user.email ?? '' }];
  });
  return { id: team.id, name: team.name, users: members };
}

/** `GET /user-roles`: all roles in one answer. */
export function listRoles(asked: Asked): Reply {
  return onePage(asked, asked.world.roles());
}

/** `GET /teams`: all teams in one answer; members who were removed or deactivated are left out. */
export function listTeams(asked: Asked): Reply {
  return onePage(
    asked,
    asked.world.teams().map((team) => showTeam(asked, team)),
  );
}

/** `GET /teams/{id}`. */
export function oneTeam(asked: Asked): Reply {
  const team = asked.world.teams().find(({ id }) => id === asked.id);
  if (team === undefined) throw notFound(`team not found: ${asked.id}`);
  return oneReply(asked, JSON.stringify(showTeam(asked, team)));
}

/** `GET /me`: the organization, and a user without `email`, which is how an API token shows. */
export function me(asked: Asked): Reply {
  const { organization } = asked.world;
  return oneReply(asked, JSON.stringify({ ...organization, user: { id: `token-of-${organization.id}` } }));
}
