import type { Json, JsonObject } from '../../src/contract/json.ts';
import { seededRandom } from './journal.ts';

/** How an account stands at the source: in the listing, off but found by id, or gone. */
export type Account = 'listed' | 'off' | 'gone';

/** One user of the invented source. */
export interface Person {
  readonly id: string;
  record: JsonObject;
  account: Account;
}

/** Choices that are the same whenever the seed is. */
export interface Dice {
  chance(share: number): boolean;
  below(limit: number): number;
  one<T>(of: readonly T[]): T;
}

/** Dice for a seed. */
export function dice(seed: number): Dice {
  const next = seededRandom(Math.imul(seed + 1, 2654435761));
  for (let i = 0; i < 8; i += 1) next();
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    chance: (share) => next() < share,
    below,
    one: (of) => {
      const found = of[below(of.length)];
      if (found === undefined) throw new Error('there is nothing to choose from');
      return found;
    },
  };
}

/** A source of users whose every change is made by a test. */
export interface World {
  readonly people: Map<string, Person>;
  /** Records of the listing that are no users. */
  readonly oddities: Json[];
  /** Ids that the listing leaves out although their accounts are on: a listing cut short. */
  readonly hidden: Set<string>;
  /** Names of the roles that records refer to by id. */
  readonly roles: Map<string, string>;
  /** Ids in the order of the listing; some may be there twice. */
  order: string[];
  /** Makes the world another one, in one small way. */
  mutate(): void;
  /** The records of the listing as they are at this moment. */
  listing(): JsonObject[];
}

interface Making {
  readonly world: World;
  readonly roll: Dice;
  /** Numbers what is made, so that no two are the same. */
  count(): number;
}

function freshRecord({ roll, count }: Making, id: string): JsonObject {
  const n = count();
  return {
    id,
    name: `Name ${n}`,
    email: `User${n}@Acme.test `,
    role_id: roll.one(['r1', 'r2']),
    enabled: !roll.chance(0.15),
    created_at: '2026-01-02T03:04:05Z',
    secret: `secret-${n}`,
    profile: { pin: `pin-${n}`, phone: ` +49 555 ${n} `, tags: [{ key: `key-${n}`, kept: n }] },
  };
}

function create(m: Making): void {
  const id = `u${m.world.people.size + 1}`;
  m.world.people.set(id, { id, record: freshRecord(m, id), account: 'listed' });
  m.world.order.splice(m.roll.below(m.world.order.length + 1), 0, id);
}

function somebody(m: Making, account: Account): Person | null {
  const found = [...m.world.people.values()].filter((person) => person.account === account);
  return found.length === 0 ? null : m.roll.one(found);
}

/** One content, and now and then one that he had before: A, B, A is a history too. */
function rename(m: Making): void {
  const person = somebody(m, 'listed');
  if (person === null) return;
  person.record = { ...person.record, name: m.roll.chance(0.4) ? 'Robin' : `Renamed ${m.count()}` };
}

function turn(from: Account, to: Account, anew: number): (m: Making) => void {
  return (m) => {
    const person = somebody(m, from);
    if (person === null) return;
    person.account = to;
    if (m.roll.chance(anew)) person.record = freshRecord(m, person.id);
  };
}

/** A record that our mapping refuses, one that the warehouse refuses, or a sound one again. */
function spoil(m: Making): void {
  const person = somebody(m, 'listed');
  if (person === null) return;
  const { record } = person;
  const name = `Name ${m.count()}`;
  const wrong: JsonObject[] = [
    { ...record, name: [name] },
    { ...record, created_at: `nonsense ${name}` },
    { ...record, created_at: '2026-01-02T03:04:05Z', name: 'Robin' },
    { ...record, created_at: '2026-01-02T03:04:05Z' },
  ];
  person.record = m.roll.one(wrong);
}

function shuffle(m: Making): void {
  const { order } = m.world;
  for (let i = order.length - 1; i > 0; i -= 1) {
    const at = m.roll.below(i + 1);
    const [a, b] = [order[i] ?? '', order[at] ?? ''];
    order[i] = b;
    order[at] = a;
  }
}

/** Somebody is on a later page too. */
function repeat(m: Making): void {
  const person = somebody(m, 'listed');
  if (person !== null) m.world.order.push(person.id);
}

function addOddity(m: Making): void {
  m.world.oddities.push(m.roll.one<Json>([`no object ${m.count()}`, { name: `nobody ${m.count()}` }, [m.count()]]));
}

function renameRole(m: Making): void {
  m.world.roles.set(m.roll.one(['r1', 'r2']), `Role ${m.count()}`);
}

const MUTATIONS: readonly (readonly [weight: number, change: (m: Making) => void])[] = [
  [5, create],
  [5, rename],
  [5, turn('listed', 'gone', 0)],
  [4, turn('gone', 'listed', 0.5)],
  [2, turn('listed', 'off', 0)],
  [2, turn('off', 'listed', 0.3)],
  [1, turn('off', 'gone', 0)],
  [3, spoil],
  [2, shuffle],
  [2, repeat],
  [1, addOddity],
  [1, renameRole],
];

const BAG = MUTATIONS.flatMap(([weight, change]) => Array.from({ length: weight }, () => change));

/** Makes a source with some users. */
export function makeWorld(roll: Dice, users: number): World {
  let made = 0;
  const world: World = {
    people: new Map(),
    oddities: [],
    hidden: new Set(),
    roles: new Map([
      ['r1', 'Admin'],
      ['r2', 'Agent'],
    ]),
    order: [],
    mutate: () => roll.one(BAG)(making),
    listing: () =>
      world.order
        .map((id) => world.people.get(id))
        .filter((person) => person !== undefined)
        .filter(({ id, account }) => account === 'listed' && !world.hidden.has(id))
        .map(({ record }) => record),
  };
  const making: Making = { world, roll, count: () => ++made };
  for (let i = 0; i < users; i += 1) create(making);
  return world;
}
