import type { RequestListener } from 'node:http';
import { describe, expect, test } from 'vitest';
import { isObject } from '../../src/contract/json.ts';
import type { Login } from '../../src/contract/source.ts';
import { errorOf, LIST, loopback, testIo } from './http.fixture.ts';

const login = (atOnce: boolean): Login => ({
  atOnce,
  request: { call: 'get', endpoint: 'POST /login', method: 'POST', path: '/login', body: { grant: 'refresh' } },
  headers: { authorization: 'Bearer refresh-secret' },
  session: (body) =>
    isObject(body) && typeof body.token === 'string'
      ? { headers: { authorization: `Bearer ${body.token}` }, lifeMs: Number(body.life) }
      : null,
});

const { talking, stops } = loopback();

/** A server whose sessions last for `life` ms by its own word, and are taken until `revoke`. */
async function served(options: { atOnce: boolean; life?: number; logins?: number; deaf?: boolean }) {
  let current = '';
  let logins = 0;
  const seen: string[] = [];
  const listener: RequestListener = (request, response) => {
    const { url = '', headers } = request;
    const given = headers.authorization ?? '';
    seen.push(`${url} ${given}`);
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (url === '/login') {
      logins += 1;
      if (given !== 'Bearer refresh-secret' || logins > (options.logins ?? 9)) {
        answer(401, { errors: [`no login for ${given}`] });
        return;
      }
      current = `access-${logins}`;
      answer(201, { token: current, life: options.life ?? 3_600_000 });
    } else if (given === `Bearer ${current}` && options.deaf !== true) answer(200, [{ id: 'u1' }]);
    else answer(401, { errors: [`not ${given}`] });
  };
  const made = await talking(listener);
  const headers = options.atOnce ? {} : { authorization: 'Bearer first-secret' };
  const failure = (_status: number, body: unknown) => ({ message: JSON.stringify(body) });
  const { io, seen: counted } = testIo(made.base, {
    api: { base: made.base, headers, login: login(options.atOnce), failure },
  });
  stops.push(() => io.close());
  const revoke = (): void => {
    current = '';
  };
  return { io, seen, counted, revoke, logins: () => logins };
}

const paths = (seen: readonly string[]): string[] => seen.map((line) => line.split(' ')[0] ?? '');

describe('a session', () => {
  test('is opened before the first request where there is no credential yet, once for all', async () => {
    const { io, seen, logins } = await served({ atOnce: true });
    await Promise.all([io.send(LIST), io.send(LIST), io.send(LIST)]);
    expect(logins()).toBe(1);
    expect(seen[0]).toBe('/login Bearer refresh-secret');
    expect(seen.slice(1)).toEqual(['/users Bearer access-1', '/users Bearer access-1', '/users Bearer access-1']);
  });

  test('is opened for the first 401 where there is a credential, and that request is sent again', async () => {
    const { io, seen, counted } = await served({ atOnce: false });
    expect((await io.send(LIST)).status).toBe(200);
    expect(seen).toEqual(['/users Bearer first-secret', '/login Bearer refresh-secret', '/users Bearer access-1']);
    expect(counted.retried).toEqual(['session renewed']);
    await io.send(LIST);
    expect(paths(seen)).toEqual(['/users', '/login', '/users', '/users']);
  });

  test('is renewed before it ends, and a short one when half of it is over', async () => {
    const { io, seen, logins } = await served({ atOnce: true, life: 0 });
    for (let n = 0; n < 3; n += 1) await io.send(LIST);
    expect(logins()).toBe(3);
    expect(paths(seen)).toEqual(['/login', '/users', '/login', '/users', '/login', '/users']);
  });

  test('that is refused although it is new is an error, and nothing is asked a third time', async () => {
    const { io, seen } = await served({ atOnce: true, deaf: true });
    expect(await errorOf(io.send(LIST))).toMatchObject({ kind: 'auth', step: 'GET /users' });
    expect(paths(seen)).toEqual(['/login', '/users', '/login', '/users']);
  });

  test('that cannot be renewed is an error that shows no secret', async () => {
    const { io, seen, revoke } = await served({ atOnce: true, logins: 1 });
    await io.send(LIST);
    revoke();
    const error = await errorOf(io.send(LIST));
    expect(error).toMatchObject({ kind: 'auth', step: 'POST /login', retryable: false });
    expect(error.message).not.toMatch(/refresh-secret|access-1/);
    expect(error.message).toContain('***');
    expect(paths(seen)).toEqual(['/login', '/users', '/users', '/login']);
  });
});
