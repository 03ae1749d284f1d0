import { RollcallError } from '../../errors.ts';
import { randomFrom, uuidFrom } from '../local/random.ts';
import { maybeOdd } from './oddities.ts';
import { makeOrder, type Slice } from './order.ts';
import { makeRoles, makeTeams, makeUser } from './people.ts';
import type { PylonRole, PylonTeam, PylonUser, PylonUserFields } from './user.ts';

/** What the demo API knows: one organization's users, roles and teams. Tests change it between and during scans. */
export interface PylonWorld {
  readonly organization: { readonly id: string; readonly name: string };
  /** Users in listing order, deactivated ones included only when asked for. */
  users(which?: 'listed' | 'all'): PylonUser[];
  roles(): readonly PylonRole[];
  teams(): readonly PylonTeam[];
  deactivated(): ReadonlySet<string>;
  find(id: string): PylonUser | undefined;
  /** A new user, ordinary but for the given fields; last in the order unless `at` says where. */
  add(fields?: Partial<PylonUser>, at?: number): PylonUser;
  change(id: string, fields: PylonUserFields): PylonUser;
  /** Puts a whole record in the place of the one with its id, so that fields can vanish. */
  replace(user: PylonUser): PylonUser;
  rename(id: string, name: string): PylonUser;
  changeRole(id: string, roleId: string): PylonUser;
  deactivate(id: string): void;
  reactivate(id: string): void;
  remove(id: string): void;
  /** Takes a user out of the order and puts him before the user who is then at `index`. */
  move(id: string, index: number): void;
  /** These users trade places: they take the places that they hold now, in the order given. */
  reorder(ids: readonly string[]): void;
  addRole(name: string, slug: string): PylonRole;
  /** Renames a role, in the listing and inside every user who shows it. */
  renameRole(id: string, name: string): PylonRole;
  setTeams(teams: readonly PylonTeam[]): void;
  /** What one page holds: at most `limit` users after a place. Null when there was never such a place. */
  slice(after: number, limit: number, keep: (user: PylonUser) => boolean): Slice | null;
}

function changes(order: ReturnType<typeof makeOrder>, roles: PylonRole[], deactivated: Set<string>) {
  const change = (id: string, fields: PylonUserFields) => order.replace({ ...order.get(id), ...fields });
  return {
    change,
    rename: (id: string, name: string) => change(id, { name }),
    changeRole(id: string, roleId: string) {
      return change(id, { role_id: roleId, role: knownRole(roles, roleId) });
    },
    deactivate(id: string) {
      deactivated.add(order.get(id).id);
    },
    reactivate(id: string) {
      deactivated.delete(order.get(id).id);
    },
    remove(id: string) {
      order.remove(id);
      deactivated.delete(id);
    },
    renameRole(id: string, name: string) {
      const role = { ...knownRole(roles, id), name };
      roles.splice(roles.indexOf(knownRole(roles, id)), 1, role);
      for (const user of order.users()) if (user.role?.id === id) order.replace({ ...user, role });
      return role;
    },
  };
}

function knownRole(roles: readonly PylonRole[], id: string): PylonRole {
  const role = roles.find((candidate) => candidate.id === id);
  if (role === undefined) throw new RollcallError('bug', `the demo's Pylon has no role "${id}"`);
  return role;
}

/** Makes a world of `count` users, all listed; the same count and seed give the same bytes. One user in twenty is odd. */
export function makeWorld(count: number, seed: number): PylonWorld {
  const random = randomFrom(seed);
  const organization = { id: uuidFrom(random), name: 'Acme Support' };
  const roles = makeRoles(random);
  const order = makeOrder(Array.from({ length: count }, (_, index) => maybeOdd(makeUser(random, index, roles), index)));
  const deactivated = new Set<string>();
  let teams: readonly PylonTeam[] = makeTeams(random, order.users());
  let made = count;
  return {
    organization,
    users: (which = 'listed') =>
      which === 'all' ? order.users() : order.users().filter((user) => !deactivated.has(user.id)),
    roles: () => roles,
    teams: () => teams,
    deactivated: () => deactivated,
    find: order.find,
    add(fields = {}, at) {
      const user = { ...makeUser(random, made, roles), ...fields };
      made += 1;
      order.insert(user, at);
      return user;
    },
    replace: order.replace,
    move: order.move,
    reorder: order.reorder,
    slice: order.slice,
    addRole(name, slug) {
      const role = { id: uuidFrom(random), name, slug };
      roles.push(role);
      return role;
    },
    setTeams(next) {
      teams = next;
    },
    ...changes(order, roles, deactivated),
  };
}
