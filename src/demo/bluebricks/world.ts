import { hash } from 'node:crypto';
import { RollcallError } from '../../errors.ts';
import { makePerson, type Person, type Population } from '../local/people.ts';
import { pick, type Random, randomFrom } from '../local/random.ts';

/** A role as Bluebricks lists it, and as it stands inside a user. */
export interface BluebricksRole {
  readonly id: string;
  readonly name: string;
  readonly description: string;
}

/** A member exactly as the API serves him. */
export interface BluebricksUser {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly picture?: string;
  readonly first_name?: string;
  readonly last_name?: string;
  readonly nickname?: string;
  readonly created_at?: string;
  readonly roles?: readonly BluebricksRole[];
  /** Only of the user whom a token belongs to, and no business of anybody else's. */
  readonly pylonEmailHash?: string;
}

/** What the local Bluebricks knows: one organization. Tests change it between and during scans. */
export interface BluebricksWorld {
  readonly organization: { readonly id: string; readonly name: string; readonly display_name: string };
  /** Members in listing order. */
  members(): readonly BluebricksUser[];
  roles(): readonly BluebricksRole[];
  find(id: string): BluebricksUser | undefined;
  /** A new member; last in the order unless `at` says where. */
  add(fields?: Partial<BluebricksUser>, at?: number): BluebricksUser;
  change(id: string, fields: Partial<BluebricksUser>): BluebricksUser;
  remove(id: string): void;
}

const ROLES: readonly [BluebricksRole, ...BluebricksRole[]] = [
  { id: 'rol_deployer', name: 'Deployer', description: 'Runs what others have built' },
  { id: 'rol_admin', name: 'Admin', description: 'Manages everything' },
  { id: 'rol_viewer', name: 'Viewer', description: 'Looks on' },
];

/** The id of a member: a connection of the login service, a bar, and the id there. */
const idOf = (index: number): string =>
  index % 7 === 6 ? `google-oauth2|10${index}` : `prov0|${hash('sha256', `user ${index}`).slice(0, 24)}`;

function makeUser(random: Random, index: number, { first, last, email }: Person): BluebricksUser {
  const draw = random();
  return {
    id: idOf(index),
    name: `${first} ${last}`,
    email,
    picture: `https://img.bluebricks.test/${index}.png`,
    first_name: first,
    last_name: last,
    nickname: first.toLowerCase(),
    created_at: new Date(Date.UTC(2025, 10, 10, 12, 19, 26, 487) + index * 60_000).toISOString(),
    roles: draw < 0.8 ? [ROLES[0]] : draw < 0.9 ? [pick(random, ROLES), ROLES[0]] : [],
  };
}

/** Members who trip careless code; every twentieth is one, in turn. */
const ODDITIES: readonly ((user: BluebricksUser) => BluebricksUser)[] = [
  ({ id, name, email }) => ({ id, name, email }),
  (user) => ({ ...user, name: user.email }),
  (user) => ({ ...user, email: user.email.toUpperCase() }),
  (user) => ({ ...user, id: `${user.id}/with a slash?and=more` }),
  (user) => ({ ...user, pylonEmailHash: hash('sha256', user.email) }),
];

const EVERY = 20;

function maybeOdd(user: BluebricksUser, index: number): BluebricksUser {
  if (index % EVERY !== EVERY - 1) return user;
  return ODDITIES[Math.floor(index / EVERY) % ODDITIES.length]?.(user) ?? user;
}

/** Makes a world. The same population gives the same one. */
export function makeWorld({ users: count, seed, people }: Population): BluebricksWorld {
  const random = randomFrom(seed);
  let order: BluebricksUser[] = [];
  const find = (id: string): BluebricksUser | undefined => order.find((user) => user.id === id);
  let index = 0;
  const draw = (): BluebricksUser => {
    const user = makeUser(random, index, people?.[index] ?? makePerson(random, index));
    const made = people === undefined ? maybeOdd(user, index) : user;
    index += 1;
    return made;
  };
  order = Array.from({ length: count }, draw);
  const known = (id: string): BluebricksUser => {
    const user = find(id);
    if (user === undefined) throw new RollcallError('bug', `the demo's Bluebricks has no user "${id}"`);
    return user;
  };
  return {
    organization: { id: `org_${hash('sha256', `org ${seed}`).slice(0, 16)}`, name: 'acme', display_name: 'Acme' },
    members: () => order,
    roles: () => ROLES,
    find,
    add(fields = {}, at = order.length) {
      const user = { ...draw(), ...fields };
      order = order.toSpliced(at, 0, user);
      return user;
    },
    change(id, fields) {
      const user = { ...known(id), ...fields };
      order = order.with(order.indexOf(known(id)), user);
      return user;
    },
    remove(id) {
      order = order.toSpliced(order.indexOf(known(id)), 1);
    },
  };
}
