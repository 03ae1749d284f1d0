import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/contract/json.ts';
import { after, ask, expectError, ids, pagination, readAll, records, search, start } from '../support/pylon.ts';

const textOrNothing = (value: Json | undefined) => value === undefined || value === null || typeof value === 'string';

describe('GET /users', () => {
  it('serves every user of the world, in order, as the world holds him', async () => {
    const api = await start({ users: 700 });
    const answered = await ask(api, '/users?limit=999');
    const withoutQuery = records(answered).map((user) =>
      typeof user.avatar_url === 'string' && user.avatar_url.includes('/signed/')
        ? { ...user, avatar_url: user.avatar_url.split('?')[0] }
        : user,
    );
    expect(withoutQuery).toEqual(api.world.users());
  });

  it('has the envelope and the field types of the vendor', async () => {
    const api = await start({ users: 700 });
    const answered = await ask(api, '/users?limit=999');
    expect(Object.keys(answered.body)).toEqual(['data', 'pagination', 'request_id']);
    expect(answered.body.request_id).toBe(answered.headers.get('x-pylon-request-id'));
    expect(pagination(answered)).toEqual({ cursor: '', has_next_page: false });
    const fields = ['id', 'name', 'email', 'emails', 'role_id', 'role', 'avatar_url', 'status'];
    for (const user of records(answered)) {
      expect(fields).toEqual(expect.arrayContaining(Object.keys(user)));
      const { emails, role, ...texts } = user;
      expect(Object.values(texts).every(textOrNothing)).toBe(true);
      expect(Array.isArray(emails ?? []) && [emails ?? []].flat().every((email) => typeof email === 'string')).toBe(
        true,
      );
      if (role) expect(role).toEqual({ id: user.role_id, name: expect.any(String), slug: expect.any(String) });
    }
  });

  it('returns 100 users without a limit, and at most what was asked for with one', async () => {
    const api = await start({ users: 120 });
    expect(ids(await ask(api, '/users'))).toHaveLength(100);
    expect(ids(await ask(api, '/users?limit=1'))).toHaveLength(1);
    expect(await readAll(api, 50)).toEqual(api.world.users().map(({ id }) => id));
  });

  it.each(['0', '1000', '-1', 'ten', '1.5', ''])('refuses the limit "%s"', async (limit) => {
    expectError(
      await ask(await start(), `/users?limit=${limit}`),
      400,
      /limit: must be greater than 0 and less than 1000/,
    );
  });

  it('knows no next page when the last one is exactly full', async () => {
    const api = await start({ users: 20 });
    expect(pagination(await ask(api, '/users?limit=20'))).toEqual({ cursor: '', has_next_page: false });
  });

  it('neither skips nor doubles users when others come and go between pages', async () => {
    const api = await start({ users: 30 });
    const { world } = api;
    const before = world.users().map(({ id }) => id);
    const [gone = '', anchor = '', upcoming = ''] = [before[3], before[9], before[15]];
    const read = await readAll(api, 10, (page) => {
      if (page !== 1) return;
      world.add({}, 0);
      world.add({ id: 'inserted-ahead' }, 14);
      for (const id of [gone, anchor, upcoming]) world.remove(id);
    });
    const stayed = before.filter((id) => ![gone, anchor, upcoming].includes(id));
    expect(read.filter((id) => stayed.some((kept) => kept === id))).toEqual(stayed);
    expect(read).toContain('inserted-ahead');
    expect(read).not.toContain(upcoming);
    expect(new Set(read).size).toBe(read.length);
  });

  it('neither skips nor doubles the others when one user moves ahead of the cursor', async () => {
    const api = await start({ users: 30 });
    const before = api.world.users().map(({ id }) => id);
    const moved = before[9] ?? '';
    const read = await readAll(api, 10, (page) => (page === 1 ? api.world.move(moved, 29) : undefined));
    expect(read.filter((id) => id !== moved)).toEqual(before.filter((id) => id !== moved));
    expect(read.filter((id) => id === moved)).toHaveLength(2);
  });

  it('refuses a cursor that it never handed out', async () => {
    const api = await start({ users: 30 });
    const { cursor } = pagination(await ask(api, '/users?limit=10'));
    const other = pagination(await search(api, { limit: 10 })).cursor;
    const foreign = Buffer.from('users:999999:0').toString('base64url');
    for (const wrong of ['abc', `${cursor}A`, `${cursor}%20`, other, foreign]) {
      expectError(await ask(api, after(wrong, 10)), 400, /cursor: not a cursor of this listing/);
    }
  });

  it('leaves deactivated users out unless they are asked for', async () => {
    const api = await start({ users: 5 });
    const all = api.world.users().map(({ id }) => id);
    const [first = ''] = all;
    api.world.deactivate(first);
    expect(ids(await ask(api, '/users'))).toEqual(all.slice(1));
    expect(ids(await ask(api, '/users?include_deactivated=false'))).toEqual(all.slice(1));
    expect(ids(await ask(api, '/users?include_deactivated=true'))).toEqual(all);
    expectError(await ask(api, '/users?include_deactivated=yes'), 400, /include_deactivated: must be true or false/);
    api.world.reactivate(first);
    expect(ids(await ask(api, '/users'))).toEqual(all);
  });

  it('signs an avatar anew in every answer', async () => {
    const api = await start({ users: 0 });
    api.world.add({ avatar_url: 'https://files.pylon.test/signed/a.png' });
    const avatar = async () => String(records(await ask(api, '/users'))[0]?.avatar_url);
    const [one, two] = [await avatar(), await avatar()];
    expect(one).toMatch(/^https:\/\/files\.pylon\.test\/signed\/a\.png\?expires=\d+&signature=/);
    expect(two.split('?')[0]).toBe(one.split('?')[0]);
    expect(two).not.toBe(one);
  });

  it('sends a lone surrogate and a NUL as escapes, which any JSON parser takes', async () => {
    const api = await start({ users: 0 });
    api.world.add({ name: 'a\ud83db\u0000c' });
    const answered = await ask(api, '/users');
    expect(answered.text).toContain('"name":"a\\ud83db\\u0000c"');
    expect(records(answered)[0]?.name).toBe('a\ud83db\u0000c');
  });
});
