import { describe, expect, test } from 'vitest';
import { errorOf, json, loopback, serve, steps, testIo, WRITE } from './http.fixture.ts';

const { talking } = loopback();

describe('a write', () => {
  test('that has no body sends an empty one, so that the server need not wait for it', async () => {
    const lengths: (string | undefined)[] = [];
    const { io } = await talking((request, response) => {
      lengths.push(request.headers['content-length']);
      request.resume().on('end', () => response.writeHead(204).end());
    });
    const answer = await io.send({ call: 'write', endpoint: 'DELETE /users/{id}', method: 'DELETE', path: '/users/a' });
    expect({ status: answer.status, lengths }).toEqual({ status: 204, lengths: ['0'] });
  });

  test('under way is not given up when the run is asked to stop, and its answer counts', async () => {
    const { io, controller } = await talking((_request, response) => {
      controller.abort();
      setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"a"}'), 20);
    });
    expect(await io.send(WRITE)).toMatchObject({ status: 200, body: { id: 'a' } });
  });

  test('is not sent any more once the run is asked to stop', async () => {
    const { io, controller, seen } = await talking(json({ id: 'a' }));
    controller.abort();
    await expect(io.send(WRITE)).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen.sent).toBe(0);
  });

  test('waits as the server asks before it is sent again, for what was refused did not happen', async () => {
    const { io, seen } = await talking(
      steps(json({ errors: ['slow down'] }, 429, { 'retry-after': '3' }), json({ id: 'a' })),
    );
    expect(await io.send(WRITE)).toMatchObject({ status: 200 });
    expect(seen.waits).toEqual([[3000, 'rate-limit']]);
  });

  test.each([
    ['500', json({ errors: ['oops'] }, 500), true],
    ['a page with status 200', json('<html>', 200, { 'content-type': 'text/html' }), true],
    ['409', json({ message: 'taken' }, 409), false],
    ['422', json({ message: 'bad' }, 422), false],
    ['403', json({ message: 'no' }, 403), false],
  ] as const)('is in doubt, or not, after %s', async (_what, listener, inDoubt) => {
    const { io, seen } = await talking(listener);
    expect((await errorOf(io.send(WRITE))).inDoubt).toBe(inDoubt);
    expect(seen.sent).toBe(1);
  });

  test('shows no part of a secret that the words of the server are cut in', async () => {
    const secret = 'swordfish-of-the-deep';
    const listener = json({ errors: [`${'x'.repeat(290)} ${secret}`] }, 422);
    const { base } = await serve(listener);
    const error = await errorOf(testIo(base, { secrets: [secret] }).io.send(WRITE));
    expect(error.message).not.toContain('sword');
  });

  test('is in doubt after a reset, and not when nothing listened', async () => {
    const { io } = await talking((request) => request.socket.destroy());
    expect((await errorOf(io.send(WRITE))).inDoubt).toBe(true);
    const { base, stop } = await serve(() => undefined);
    stop();
    expect((await errorOf(testIo(base).io.send(WRITE))).inDoubt).toBe(false);
  });
});
