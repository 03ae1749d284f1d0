import type { RequestListener } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { IoOptions } from '../../src/http/client.ts';
import { all, errorOf, json, LIST, loopback, serve, steps, TOKEN, WRITE } from './http.fixture.ts';

const { talking, stops } = loopback();

describe('redirects', () => {
  const to =
    (location: string, status = 302): RequestListener =>
    (_request, response) => {
      response.writeHead(status, { location }).end('moved');
    };

  test('within the origin is followed, with the credential, as one more request', async () => {
    const listener = steps(to('/v2/users?limit=1', 301), json({ data: [] }));
    const { io, seen } = await talking(listener);
    await io.send(LIST);
    expect(listener.requests.map((request) => request.url)).toEqual(['/users', '/v2/users?limit=1']);
    expect(listener.requests[1]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
    expect(seen.sent).toBe(2);
  });

  test('to another port is an error that names it, and no credential goes there', async () => {
    const other = steps(json({ data: [] }));
    const { base: elsewhere, stop } = await serve(other);
    stops.push(stop);
    const { io } = await talking(to(`${elsewhere}/users`, 307));
    for (const request of [LIST, WRITE]) {
      const error = await errorOf(io.send(request));
      expect(error.kind).toBe('config');
      expect(error.message).toContain(new URL(elsewhere).host);
      expect(error.message).toContain('base_url');
    }
    expect(other.requests).toEqual([]);
  });

  test('in a circle end', async () => {
    const { io, seen } = await talking(to('/users'));
    expect((await errorOf(io.send(LIST))).message).toContain('again and again');
    expect(seen.sent).toBe(6);
  });
});

describe('an abort', () => {
  const waiting = (): Partial<IoOptions> => {
    const sleep = (_ms: number, signal: AbortSignal): Promise<void> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    return { timing: { random: () => 1, sleep, now: Date.now } };
  };

  test('ends a wait for a retry', async () => {
    const { io, controller, seen } = await talking(json({}, 500), waiting());
    const sending = io.send(LIST);
    await expect.poll(() => seen.waits.length).toBe(1);
    controller.abort();
    await expect(sending).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen.sent).toBe(1);
  });

  test('ends a wait for a budget, also when it comes with a reason of its own', async () => {
    const budget = { spend: async () => 60_000 };
    const { io, controller, seen } = await talking(json({}), { ...waiting(), budget });
    const sending = io.send(LIST);
    await expect.poll(() => seen.waits).toEqual([[60_000, 'budget']]);
    controller.abort(new Error('lease lost'));
    await expect(sending).rejects.toMatchObject({ name: 'AbortError', cause: { message: 'lease lost' } });
  });

  test.each([
    ['before the answer', (): void => undefined],
    [
      'in the middle of a body',
      (response: Parameters<RequestListener>[1]): void => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write('{"data":[');
      },
    ],
  ])('ends a request %s', async (_when, begin) => {
    let arrived = false;
    const { io, controller, seen } = await talking((_request, response) => {
      begin(response);
      arrived = true;
    });
    const reading = all(io.read(LIST, 'data'));
    await expect.poll(() => arrived).toBe(true);
    controller.abort();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen.sent).toBe(1);
  });

  test('that came before keeps anything from being sent', async () => {
    const { io, controller, seen } = await talking(json({}));
    controller.abort();
    await expect(io.send(LIST)).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen.sent).toBe(0);
  });
});
