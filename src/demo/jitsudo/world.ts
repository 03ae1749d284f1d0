import { RollcallError } from '../../errors.ts';
import { makePerson, type Person, type Population } from '../local/people.ts';
import { pick, type Random, randomFrom, uuidFrom } from '../local/random.ts';

/** A user exactly as the API serves him. */
export interface JitsudoUser {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly auth_provider: 'local' | 'oidc' | 'saml';
  readonly active: boolean;
  readonly email_verified: boolean;
  readonly is_owner: boolean;
  readonly created_at: string;
  readonly updated_at: string;
  readonly avatar_base64?: string | null;
}

/** A group exactly as the API serves it. */
export interface JitsudoGroup {
  readonly id: string;
  readonly name: string;
  readonly source: string;
  readonly description?: string;
  readonly member_count?: number;
  readonly role_mappings?: readonly string[];
  readonly created_at: string;
  readonly updated_at: string;
}

/** What the local JITSudo knows: one tenant. Tests change it between and during scans. */
export interface JitsudoWorld {
  readonly tenantId: string;
  /** Users in listing order. */
  users(): readonly JitsudoUser[];
  /** The same with a hole where somebody was removed. */
  places(): readonly (JitsudoUser | null)[];
  groups(): readonly JitsudoGroup[];
  /** Roles that a user may be given. */
  roles(): readonly string[];
  find(id: string): JitsudoUser | undefined;
  add(fields?: Partial<JitsudoUser>): JitsudoUser;
  /** Changes fields, and `updated_at` with them. */
  change(id: string, fields: Partial<JitsudoUser>): JitsudoUser;
  remove(id: string): void;
  setGroups(groups: readonly JitsudoGroup[]): void;
}

/** How a tenant is made: its people, and how large their pictures are. */
export interface Tenancy extends Population {
  /** Bytes of everybody's picture. Default: one user in ten has a small one. */
  readonly avatarBytes?: number;
}

const ROLES = ['user', 'approver', 'auditor', 'admin'] as const;
const START = Date.UTC(2026, 3, 15, 12);

const at = (minute: number): string => new Date(START + minute * 60_000).toISOString().replace('.000Z', 'Z');

function avatar(random: Random, bytes: number | undefined): string | null {
  const size = bytes ?? (random() < 0.1 ? 600 : 0);
  return size === 0 ? null : `data:image/png;base64,${Buffer.alloc(size, 'png').toString('base64')}`;
}

function makeUser(random: Random, index: number, avatarBytes: number | undefined, person: Person): JitsudoUser {
  const draw = random();
  return {
    id: uuidFrom(random),
    email: person.email,
    name: `${person.first} ${person.last}`,
    roles: draw < 0.8 ? ['user'] : ['user', pick(random, ROLES)],
    auth_provider: pick(random, ['oidc', 'oidc', 'saml', 'local']),
    active: random() >= 0.05,
    email_verified: random() >= 0.1,
    is_owner: index === 0,
    created_at: at(index),
    updated_at: at(index + 1000),
    avatar_base64: avatar(random, avatarBytes),
  };
}

function makeGroups(random: Random): JitsudoGroup[] {
  return ['Engineers', 'On call', 'Auditors'].map((name, index) => ({
    id: uuidFrom(random),
    name,
    source: index === 0 ? 'oidc' : 'local',
    ...(index === 1 ? { description: 'Whoever is awake', member_count: 7, role_mappings: ['approver'] } : {}),
    created_at: at(0),
    updated_at: at(index),
  }));
}

/** Makes a world. The same population gives the same one. */
export function makeWorld({ users: count, seed, people, avatarBytes }: Tenancy): JitsudoWorld {
  const random = randomFrom(seed);
  const tenantId = uuidFrom(random);
  const places: (JitsudoUser | null)[] = [];
  const byId = new Map<string, number>();
  let groups: readonly JitsudoGroup[] = makeGroups(random);
  let index = 0;
  let minute = 100_000;
  const add = (fields: Partial<JitsudoUser> = {}): JitsudoUser => {
    const person = people?.[index] ?? makePerson(random, index);
    const user = { ...makeUser(random, index, avatarBytes, person), ...fields };
    index += 1;
    byId.set(user.id, places.length);
    places.push(user);
    return user;
  };
  for (let i = 0; i < count; i += 1) add();
  const find = (id: string): JitsudoUser | undefined => places[byId.get(id) ?? -1] ?? undefined;
  const known = (id: string): JitsudoUser => {
    const user = find(id);
    if (user === undefined) throw new RollcallError('bug', `the demo's JITSudo has no user "${id}"`);
    return user;
  };
  return {
    tenantId,
    users: () => places.filter((user) => user !== null),
    places: () => places,
    groups: () => groups,
    roles: () => ROLES,
    find,
    add,
    change(id, fields) {
      minute += 1;
      const user = { ...known(id), updated_at: at(minute), ...fields };
      places[byId.get(id) ?? places.length] = user;
      return user;
    },
    remove(id) {
      places[byId.get(known(id).id) ?? places.length] = null;
      byId.delete(id);
    },
    setGroups(next) {
      groups = next;
    },
  };
}
