import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/contract/json.ts';
import { ODD_ANSWERS, REFUSES_QUERY } from '../../src/demo/pylon/faults.ts';
import type { PylonApi } from '../../src/demo/pylon/server.ts';
import { after, ask, expectError, ids, pagination, raw, readAll, records, start } from '../support/pylon.ts';

describe('faults', () => {
  const page = (api: PylonApi, cursor: string) => ask(api, cursor === '' ? '/users?limit=10' : after(cursor, 10));

  it('strike from the chosen request on, as often as told, and leave other endpoints alone', async () => {
    const api = await start({ users: 5 });
    const fault = api.faults.add({
      when: { path: '/users', nth: 3 },
      answer: { kind: 'status', status: 429, headers: { 'X-Retry-After': '7' } },
      times: 2,
    });
    const statuses: number[] = [];
    for (let count = 0; count < 6; count += 1) {
      expect((await ask(api, '/me')).status).toBe(200);
      statuses.push((await ask(api, '/users')).status);
    }
    expect(statuses).toEqual([200, 200, 429, 429, 200, 200]);
    expect(fault.fired()).toBe(2);
  });

  it('answer in the API’s words with the chosen headers', async () => {
    const api = await start();
    const headers = { 'Retry-After': 'Wed, 21 Oct 2026 07:28:00 GMT' };
    api.faults.add({ answer: { kind: 'status', status: 429, headers } });
    api.faults.add({ answer: { kind: 'status', status: 500, message: 'boom' } });
    const refused = await ask(api, '/users');
    expectError(refused, 429, /./, 'rate_limited');
    expect(refused.headers.get('retry-after')).toBe(headers['Retry-After']);
    expectError(await ask(api, '/users'), 500, /boom/);
  });

  it('can be chosen by a function, by template, removed and cleared', async () => {
    const api = await start({ users: 1 });
    const down = { kind: 'status', status: 408 } as const;
    const one = api.faults.add({ when: ({ query, nth }) => query.has('cursor') && nth > 1, answer: down, times: 9 });
    api.faults.add({ when: { method: 'GET', path: '/users/{id}' }, answer: down, times: 9 });
    const status = async (path: string) => (await ask(api, path)).status;
    expect([await status('/users?cursor='), await status('/users'), await status('/users?cursor=')]).toEqual([
      200, 200, 408,
    ]);
    expect(await status('/users/x')).toBe(408);
    one.remove();
    expect(await status('/users?cursor=')).toBe(200);
    api.faults.clear();
    expect(await status('/users/x')).toBe(404);
  });

  it('spend the budget for a spoiled page but not for a gateway’s answer', async () => {
    const api = await start({ users: 1, limits: { list: 1 } });
    api.faults.add({ answer: ODD_ANSWERS.badGateway });
    expect((await raw(api, '/users')).status).toBe(502);
    api.faults.add({ answer: { kind: 'without_data' } });
    expect((await ask(api, '/users')).status).toBe(200);
    expect((await ask(api, '/users')).status).toBe(429);
  });

  it.each([
    ['badGateway', 502, 'text/html', /Bad Gateway/],
    ['html', 200, 'text/html; charset=utf-8', /^<!doctype html>/],
    ['empty', 200, 'application/json', /^$/],
    ['noContent', 204, null, /^$/],
    ['null', 200, 'application/json', /^null$/],
    ['errors', 200, 'application/json', /^\{"errors":\[".+"\],/],
  ] as const)('answer %s with status %i', async (name, status, type, body) => {
    const api = await start();
    api.faults.add({ answer: ODD_ANSWERS[name] });
    const response = await raw(api, '/users');
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe(type);
    expect(await response.text()).toMatch(body);
    expect(api.log).toMatchObject([{ status }]);
  });

  it('reset the connection before the answer, after its headers and in its body', async () => {
    const api = await start();
    const broken = { cause: { code: 'ECONNRESET' } };
    api.faults.add({ answer: { kind: 'reset' } });
    await expect(raw(api, '/users')).rejects.toMatchObject(broken);
    expect(api.log[0]?.status).toBeNull();
    for (const part of [0, 0.5]) {
      api.faults.add({ answer: { kind: 'reset', part } });
      await expect(raw(api, '/users').then((response) => response.text())).rejects.toMatchObject(broken);
      expect(api.log.at(-1)?.status).toBe(200);
    }
    expect((await ask(api, '/users')).status).toBe(200);
  });

  it('cut a body short as if it were whole', async () => {
    const api = await start();
    const whole = (await ask(api, '/users')).text;
    api.faults.add({ answer: { kind: 'cut', part: 0.25 } });
    const response = await raw(api, '/users');
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(Buffer.byteLength(text)).toBeLessThan(Buffer.byteLength(whole) / 3);
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
  });

  it('answer late by the chosen time, and truly', async () => {
    const waits: number[] = [];
    const api = await start({ users: 1, wait: async (ms) => waits.push(ms) });
    api.faults.add({ answer: { kind: 'slow', ms: 5000 } });
    expect(ids(await ask(api, '/users'))).toHaveLength(1);
    expect(waits).toEqual([5000]);
  });

  it('do not keep a server from closing while an answer is slow', async () => {
    const api = await start();
    api.faults.add({ answer: { kind: 'slow', ms: 600_000 } });
    const pending = expect(raw(api, '/users')).rejects.toThrow();
    await expect.poll(() => api.log.length).toBe(1);
    await api.close();
    await pending;
  });

  it('leave out data while a next page is announced, or the pagination', async () => {
    const api = await start({ users: 30 });
    api.faults.add({ answer: { kind: 'without_data' } });
    const bare = await page(api, '');
    expect(bare.body).not.toHaveProperty('data');
    expect(pagination(bare).has_next_page).toBe(true);
    api.faults.add({ answer: { kind: 'without_pagination' } });
    const last = await page(api, '');
    expect(ids(last)).toHaveLength(10);
    expect(last.body).not.toHaveProperty('pagination');
  });

  it('repeat a cursor', async () => {
    const api = await start({ users: 30 });
    const { cursor } = pagination(await page(api, ''));
    api.faults.add({ answer: { kind: 'repeat_cursor' } });
    expect(pagination(await page(api, cursor))).toEqual({ cursor, has_next_page: true });
    expect(pagination(await page(api, cursor)).cursor).not.toBe(cursor);
  });

  it('put the first user on a later page once more', async () => {
    const api = await start({ users: 20 });
    api.faults.add({ when: { path: '/users', nth: 2 }, answer: { kind: 'duplicate' } });
    const listed = api.world.users().map(({ id }) => id);
    expect(await readAll(api, 10)).toEqual([...listed, listed[0]]);
  });

  it('put a malformed record where it is wanted, numbers to the last digit', async () => {
    const api = await start({ users: 2 });
    api.faults.add({ answer: { kind: 'record', json: '{"id":"x","big":12345678901234567890}', at: 1 } });
    expect((await ask(api, '/users')).text).toContain(',{"id":"x","big":12345678901234567890},');
    for (const json of ['{"name":"no id"}', '17', 'null', '{"id":"y","name":{"first":"A"}}']) {
      api.faults.add({ answer: { kind: 'record', json } });
      expect(records(await ask(api, '/users'))[2]).toEqual(JSON.parse(json));
    }
  });

  it('never end a listing: cursors always new, users the same or new', async () => {
    const api = await start({ users: 15 });
    for (const users of ['same', 'new'] as const) {
      const fault = api.faults.add({ answer: { kind: 'endless', users }, times: Number.POSITIVE_INFINITY });
      const cursors = [''];
      const pages: Json[] = [];
      for (let count = 0; count < 6; count += 1) {
        const answered = await page(api, cursors.at(-1) ?? '');
        expect(pagination(answered).has_next_page).toBe(true);
        cursors.push(pagination(answered).cursor);
        pages.push(ids(answered).join());
      }
      expect(new Set(cursors).size).toBe(7);
      expect(new Set(pages).size).toBe(users === 'same' ? 2 : 6);
      fault.remove();
    }
  });

  it('refuse query parameters as a server does that has none', async () => {
    const api = await start({ users: 3 });
    api.faults.add(REFUSES_QUERY);
    expectError(await ask(api, '/users?limit=999'), 400, /unknown query parameter/);
    expect(ids(await ask(api, '/users'))).toHaveLength(3);
    expectError(await ask(api, '/users?cursor=a'), 400, /unknown query parameter/);
  });
});
