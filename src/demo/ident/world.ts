import { RollcallError } from '../../errors.ts';
import { makePerson, type Person, type Population } from '../local/people.ts';
import { type Random, randomFrom, uuidFrom } from '../local/random.ts';
import type { IdentFields, IdentUser } from './user.ts';

/** An organization or an application: a name, and whom it has as members. */
export interface Membership {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
  readonly members: Set<string>;
}

/** What the local Ident knows. Tests change it between and during scans. */
export interface IdentWorld {
  users(): readonly IdentUser[];
  find(id: string): IdentUser | undefined;
  add(fields?: Partial<IdentUser>): IdentUser;
  change(id: string, fields: IdentFields): IdentUser;
  remove(id: string): void;
  readonly organization: Membership;
  readonly application: Membership;
  /** Rows that the database gives before it fails in each read; null: it is well. */
  failsAfter: number | null;
  /** Minutes that the database's zone is ahead of UTC. */
  zone: number;
}

/** The mask of an ordinary user. */
const ORDINARY = 415;

/** Two of the users share an instant, as rows of one import do. */
function createdAt(index: number): string {
  const second = Date.UTC(2023, 4, 2, 8, 11, 9) + Math.floor(index / 2) * 1000;
  const micros = String((index - (index % 2)) % 1_000_000).padStart(6, '0');
  return `${new Date(second).toISOString().slice(0, 19)}.${micros}Z`;
}

function makeUser(random: Random, index: number, { first, last, email }: Person): IdentUser {
  const agreed = random() < 0.5 ? createdAt(index) : null;
  return {
    id: uuidFrom(random),
    created_at: createdAt(index),
    application_id: null,
    first_name: first,
    last_name: last,
    email,
    permissions: ORDINARY,
    privacy_policy_agreed_at: agreed,
    terms_of_service_agreed_at: agreed,
    metadata: random() < 0.3 ? { email_verified: true, user_metadata: { locale: 'en' } } : null,
  };
}

/** Users who trip careless code; every twentieth user is one, in turn. */
const ODDITIES: readonly IdentFields[] = [
  { first_name: '', last_name: '' },
  { email: '' },
  { email: null },
  { permissions: 0 },
  { first_name: null, last_name: null, email: 'Invited.Person@Acme.TEST' },
  { privacy_policy_agreed_at: '0001-01-01T00:00:00Z', terms_of_service_agreed_at: '0001-01-01T00:00:00Z' },
  { created_at: '2024-02-29T23:59:59.9Z' },
  { created_at: '2024-02-29T23:59:59Z' },
];

const EVERY = 20;

function oddity(index: number): IdentFields {
  if (index % EVERY !== EVERY - 1) return {};
  return ODDITIES[Math.floor(index / EVERY) % ODDITIES.length] ?? {};
}

function made(random: Random, name: string): Membership {
  return { id: uuidFrom(random), name, created_at: createdAt(0), members: new Set() };
}

/** Makes a world; all users are members of its organization and of its application. */
export function makeWorld({ users: count, seed, people }: Population): IdentWorld {
  const random = randomFrom(seed);
  const organization = made(random, 'Acme');
  const application = made(random, 'Acme Portal');
  const users = new Map<string, IdentUser>();
  const unknown = (id: string): never => {
    throw new RollcallError('bug', `the demo's Ident has no user "${id}"`);
  };
  let index = 0;
  const add = (fields: Partial<IdentUser> = {}): IdentUser => {
    const person = people?.[index] ?? makePerson(random, index);
    const odd = people === undefined ? oddity(index) : {};
    const user = { ...makeUser(random, index, person), ...odd, ...fields };
    index += 1;
    users.set(user.id, user);
    organization.members.add(user.id);
    application.members.add(user.id);
    return user;
  };
  for (let i = 0; i < count; i += 1) add();
  return {
    users: () => [...users.values()],
    find: (id) => users.get(id),
    add,
    change(id, fields) {
      const user = { ...(users.get(id) ?? unknown(id)), ...fields };
      users.set(id, user);
      return user;
    },
    remove(id) {
      if (!users.delete(id)) unknown(id);
      organization.members.delete(id);
      application.members.delete(id);
    },
    organization,
    application,
    failsAfter: null,
    zone: 0,
  };
}
