import { describe, expect, it } from 'vitest';
import { userText } from '../../src/demo/pylon/user.ts';
import { makeWorld } from '../../src/demo/pylon/world.ts';

describe('world', () => {
  it('is the same to the byte for the same seed, and another for another', () => {
    const bytes = (seed: number) => {
      const world = makeWorld(700, seed);
      return JSON.stringify([world.organization, world.roles(), world.teams(), world.users()]);
    };
    expect(bytes(7)).toBe(bytes(7));
    expect(bytes(7)).not.toBe(bytes(8));
  });

  it('gives every user a unique uuid', () => {
    const users = makeWorld(5000, 3).users();
    expect(new Set(users.map(({ id }) => id)).size).toBe(5000);
    for (const { id } of users)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('holds every nasty value among some hundred users, in a small share', () => {
    const world = makeWorld(700, 1);
    const users = world.users();
    const text = JSON.stringify(users);
    const known = new Set(world.roles().map(({ id }) => id));
    for (const sign of [
      '\\u0000',
      '\\ud83d ',
      '\u202e',
      '\u0301',
      '\u{1F469}\u200d',
      '\\"',
      '\\\\',
      '\\n',
      'DROP TABLE',
    ]) {
      expect(text).toContain(sign);
    }
    expect(users.some(({ name }) => (name?.length ?? 0) > 3000)).toBe(true);
    expect(users.some((user) => user.name === '')).toBe(true);
    expect(users.some((user) => user.name === null && user.emails === null)).toBe(true);
    expect(users.some((user) => !('name' in user))).toBe(true);
    expect(users.some((user) => !('role' in user) && known.has(user.role_id ?? ''))).toBe(true);
    expect(users.some((user) => typeof user.role_id === 'string' && !known.has(user.role_id))).toBe(true);
    expect(users.some((user) => user.email === '')).toBe(true);
    expect(new Set(users.map((user) => user.status))).toContain('out_of_office');
    expect(users.filter((user) => /^[\p{L} ]+$/u.test(user.name ?? '')).length).toBeGreaterThan(600);
  });

  it('renames a role in the listing and inside the users who show it', () => {
    const world = makeWorld(50, 1);
    const holder = world.users().find((user) => user.role !== undefined);
    const role = world.renameRole(holder?.role?.id ?? '', 'Owner');
    expect(world.roles()).toContainEqual(role);
    expect(world.find(holder?.id ?? '')?.role).toEqual({
      id: holder?.role_id,
      name: 'Owner',
      slug: holder?.role?.slug,
    });
  });

  it('gives a changed user a new text', () => {
    const world = makeWorld(1, 1);
    const [user] = world.users();
    const old = userText(user ?? { id: '' }, '');
    expect(userText(world.rename(user?.id ?? '', 'New Name'), '')).toContain('"name":"New Name"');
    expect(old).not.toContain('New Name');
  });

  it('lets users trade places, and moves one', () => {
    const world = makeWorld(5, 1);
    const [a = '', b = '', c = '', d = '', e = ''] = world.users().map(({ id }) => id);
    world.reorder([e, a]);
    expect(world.users().map(({ id }) => id)).toEqual([e, b, c, d, a]);
    world.move(d, 1);
    expect(world.users().map(({ id }) => id)).toEqual([e, d, b, c, a]);
  });

  it('throws for a user, a role or an order that cannot be', () => {
    const world = makeWorld(3, 1);
    const [first] = world.users();
    const id = first?.id ?? '';
    expect(() => world.rename('nobody', 'x')).toThrow('no user "nobody"');
    expect(() => world.changeRole(id, 'none')).toThrow('no role "none"');
    expect(() => world.reorder([id, id])).toThrow('twice');
    expect(() => world.add({ id })).toThrow('already');
  });
});
