import { makePerson, plain } from '../local/people.ts';
import { pick, type Random, uuidFrom } from '../local/random.ts';
import { type PylonRole, type PylonTeam, type PylonUser, SIGNED_AVATARS } from './user.ts';

const ROLE_NAMES = [
  'Admin',
  'Member',
  'Viewer',
  'Tier 2 \u2013 Escalations',
  '\u00c9quipe qu\u00e9b\u00e9coise',
  'Billing "Ops"',
];
const TEAM_NAMES = [
  'Support',
  'Onboarding',
  'Solutions',
  'Nights & weekends',
  '\u30b5\u30dd\u30fc\u30c8',
  "Dana's team",
];

/** The roles of a new organization: Pylon's own and some that a customer made. */
export function makeRoles(random: Random): PylonRole[] {
  return ROLE_NAMES.map((name) => ({ id: uuidFrom(random), name, slug: plain(name) }));
}

/** Some teams with members drawn from these users; a user may be in several or in none. */
export function makeTeams(random: Random, users: readonly PylonUser[]): PylonTeam[] {
  return TEAM_NAMES.map((name) => {
    const id = uuidFrom(random);
    const drawn = Array.from({ length: 8 }, () => users[Math.floor(random() * users.length)]?.id);
    return { id, name, members: [...new Set(drawn.filter((member) => member !== undefined))] };
  });
}

function makeAvatar(random: Random, id: string): string {
  const draw = random();
  if (draw < 0.1) return `${SIGNED_AVATARS}${id}.png`;
  return draw < 0.5 ? `https://files.pylon.test/plain/${id}.png` : '';
}

function drawRole(random: Random, roles: readonly PylonRole[]): PylonRole | undefined {
  const draw = random();
  if (draw < 0.8) return roles[1] ?? roles[0];
  return roles[Math.floor(random() * roles.length)];
}

/** An ordinary user. `index` makes his address unique. */
export function makeUser(random: Random, index: number, roles: readonly PylonRole[]): PylonUser {
  const id = uuidFrom(random);
  const { first, last, email } = makePerson(random, index);
  const role = drawRole(random, roles);
  return {
    id,
    name: `${first} ${last}`,
    email,
    emails: random() < 0.1 ? [email, `${plain(first)}.${index}@acme-labs.test`] : [email],
    ...(role === undefined ? {} : { role_id: role.id, role }),
    avatar_url: makeAvatar(random, id),
    status: pick(random, ['active', 'active', 'active', 'active', 'away', 'out_of_office']),
  };
}
