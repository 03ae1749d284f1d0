import { pick, type Random, uuidFrom } from './random.ts';
import { type PylonRole, type PylonTeam, type PylonUser, SIGNED_AVATARS } from './user.ts';

const FIRST_NAMES: readonly [string, ...string[]] = [
  ...(['Ada', 'Amara', 'Ana\u00efs', 'Bj\u00f6rn', 'Carlos', 'Chidi', 'Dilnoza', 'Elif', 'Fatima', 'Giulia'] as const),
  ...['Hana', 'Ingrid', 'Jamal', 'Kwame', 'Leila', 'Mateo', 'Nia', 'Omar', 'Priya', 'Quinn', 'Ren\u00e9e', 'Sakura'],
  ...['Tom\u00e1\u0161', 'Uma', 'Viktor', 'Wei', 'Ximena', 'Yusuf', 'Zofia'],
];

const LAST_NAMES: readonly [string, ...string[]] = [
  ...(['Abara', 'Bianchi', 'Castillo', 'Dubois', 'Eriksen', 'Farouk', 'Garc\u00eda', 'Haddad', 'Ivanov'] as const),
  ...['Johansson', 'Kowalski', 'L\u00f3pez', 'M\u00fcller', 'Nakamura', 'Okafor', 'Park', 'Quispe', 'Rossi', 'Singh'],
  ...['Tanaka', 'Usman', 'van der Berg', 'Wang', 'Xu', 'Y\u0131lmaz', 'Zhou'],
];

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

/** Lower-case ASCII for addresses and slugs. */
function plain(text: string): string {
  const ascii = text
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase();
  return ascii.replace(/[^a-z0-9]+/g, '_').replace(/^_|_$/g, '');
}

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
  const first = pick(random, FIRST_NAMES);
  const last = pick(random, LAST_NAMES);
  const email = `${plain(first)}.${plain(last)}.${index}@acme.test`;
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
