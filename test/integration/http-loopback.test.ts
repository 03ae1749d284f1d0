import type { RequestListener } from 'node:http';
import { connect, createServer } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { all, errorOf, json, LIST, loopback, portOf, serve, steps, TOKEN, testIo, WRITE } from './http.fixture.ts';

const { talking, stops } = loopback();

const QUICK = { connectMs: 200, idleMs: 60 };
const USERS = Array.from({ length: 12_000 }, (_, i) => ({ id: `u${i}`, name: 'n'.repeat(700) }));
const BIG = JSON.stringify({ data: USERS, total: USERS.length });
const reset: RequestListener = (request) => request.socket.destroy();

/** Sends a part of an answer and then breaks the connection. */
const breaks =
  (text: string): RequestListener =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(text, () => setTimeout(() => response.destroy(), 5));
  };

describe('broken connections', () => {
  test('a reset is asked again', async () => {
    const { io, seen } = await talking(steps(reset, reset, json({ data: [1] })));
    expect(await all(io.read(LIST, 'data'))).toMatchObject([{ items: [1] }]);
    expect(seen.retried).toEqual(['connection reset', 'connection reset']);
  });

  test('resets without end are told with host and port', async () => {
    const { io, seen, base } = await talking(reset);
    const error = await errorOf(io.send(LIST));
    expect(error.kind).toBe('transient');
    expect(error.message).toContain(new URL(base).host);
    expect(seen.sent).toBe(5);
  });

  test('a write whose answer was lost is sent once', async () => {
    const { io, seen } = await talking(reset);
    const error = await errorOf(io.send(WRITE));
    expect(error).toMatchObject({ kind: 'transient', status: undefined });
    expect(error.message).toContain('not known');
    expect(seen.sent).toBe(1);
  });

  test('a write that was never sent is tried again', async () => {
    const { base, stop } = await serve(() => undefined);
    stop();
    const { io, seen } = testIo(base);
    expect((await errorOf(io.send(WRITE))).message).toMatch(/127\.0\.0\.1:\d+ refuses connections.*base_url or region/);
    expect(seen.sent).toBe(3);
  });

  test('an answer that breaks in the middle is asked again while nothing of it was handed out', async () => {
    const { io, seen } = await talking(steps(breaks('{"data":[1,2'), json({ data: [1, 2, 3] })));
    expect((await all(io.read(LIST, 'data'))).flatMap((part) => part.items)).toEqual([1, 2, 3]);
    expect(seen.sent).toBe(2);
  });

  test('after a part was handed out, a broken answer is a transient error and not the end', async () => {
    const { io, seen } = await talking(breaks(BIG.slice(0, 6_000_000)));
    let items = 0;
    let ended = false;
    const reading = (async () => {
      for await (const part of io.read(LIST, 'data')) {
        items += part.items.length;
        ended ||= part.envelope !== null;
      }
    })();
    expect((await errorOf(reading)).kind).toBe('transient');
    expect(items).toBeGreaterThan(900);
    expect(ended).toBe(false);
    expect(seen.sent).toBe(1);
  });

  test('a body shorter than its content-length is not taken for whole', async () => {
    const short: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      response.write('{"data":[]}', () => setTimeout(() => response.destroy(), 5));
    };
    const { io, seen } = await talking(short);
    expect((await errorOf(all(io.read(LIST, 'data')))).kind).toBe('transient');
    expect(seen.sent).toBe(5);
  });

  test('a server that does not speak TLS is told by host, port and base_url, without a retry', async () => {
    const { base } = await talking(json({}));
    const { io, seen } = testIo(base.replace('http:', 'https:'));
    expect((await errorOf(io.send(LIST))).message).toMatch(/TLS with 127\.0\.0\.1:\d+ failed.*base_url/);
    expect(seen.sent).toBe(1);
  });

  test('a credential that no header can hold is told as that, without a retry', async () => {
    const { base } = await talking(json({}));
    const headers = { authorization: 'Bearer line\nbreak' };
    const { io, seen } = testIo(base, { api: { base, headers, failure: () => ({}) } });
    expect(await errorOf(io.send(LIST))).toMatchObject({
      kind: 'config',
      message: expect.stringContaining('no line break'),
    });
    expect(seen.sent).toBe(1);
  });

  test('a server that does not speak HTTP is told as that', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end('SSH-2.0-OpenSSH\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(() => server.close());
    const { io } = testIo(`http://127.0.0.1:${portOf(server)}`);
    expect((await errorOf(io.send(LIST))).message).toContain('does not answer in HTTP');
  });
});

describe('time-outs', () => {
  test('a server that never answers is asked again, then told', async () => {
    const { io, seen } = await talking(() => undefined, { timeouts: QUICK });
    const error = await errorOf(io.send(LIST));
    expect(error.kind).toBe('transient');
    expect(error.message).toContain('timed out');
    expect(seen.retried).toEqual(Array(4).fill('time-out'));
  });

  test('a body that falls silent is asked again', async () => {
    const silent: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"data":[');
    };
    const { io, seen } = await talking(steps(silent, json({ data: [7] })), { timeouts: QUICK });
    expect(await all(io.read(LIST, 'data'))).toMatchObject([{ items: [7] }]);
    expect(seen.retried).toEqual(['time-out']);
  });

  test('a slow body is read to its end as long as bytes flow', async () => {
    const slow: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const rest = [...'{"data":[1]}'];
      const timer = setInterval(() => {
        response.write(rest.shift() ?? '');
        if (rest.length > 0) return;
        clearInterval(timer);
        response.end();
      }, 10);
    };
    const { io, seen } = await talking(slow, { timeouts: QUICK });
    expect((await io.send(LIST)).body).toEqual({ data: [1] });
    expect(seen.sent).toBe(1);
  });

  test('time that the reader takes between two parts does not count', async () => {
    const big: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(BIG);
    };
    const { io } = await talking(big, { timeouts: QUICK });
    let items = 0;
    for await (const part of io.read(LIST, 'data')) {
      if (items === 0) await new Promise((resolve) => setTimeout(resolve, 90));
      items += part.items.length;
    }
    expect(items).toBe(USERS.length);
  });
});

describe('bodies', () => {
  test('larger than the limit are refused by name of the limit, also compressed ones, without a retry', async () => {
    const packed: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      response.end(gzipSync(`[${'0,'.repeat(200_000)}0]`));
    };
    const { io, seen } = await talking(packed, { maxBodyBytes: 50_000 });
    for (const error of [await errorOf(io.send(LIST)), await errorOf(all(io.read(LIST, null)))]) {
      expect(error.kind).toBe('bad-data');
      expect(error.message).toContain('50000 bytes');
    }
    expect(seen.sent).toBe(2);
  });

  test('long ones come in parts, and one connection serves many requests', async () => {
    const ports = new Set<number | undefined>();
    const { io } = await talking((request, response) => {
      ports.add(request.socket.remotePort);
      response.writeHead(200, { 'content-type': 'application/json' }).end(BIG);
    });
    for (let i = 0; i < 3; i++) {
      const parts = await all(io.read(LIST, 'data'));
      expect(parts.length).toBeGreaterThan(5);
      expect(parts.flatMap((part) => part.items)).toEqual(USERS);
      expect(parts.at(-1)?.envelope).toEqual({ total: USERS.length });
    }
    expect(ports.size).toBe(1);
  });

  test('given up early free their connection', async () => {
    let open = 0;
    const { io } = await talking((request, response) => {
      open++;
      request.socket.once('close', () => open--);
      response.writeHead(200, { 'content-type': 'application/json' }).end(BIG);
    });
    for await (const part of io.read(LIST, 'data')) {
      expect(part.envelope).toBeNull();
      break;
    }
    await expect.poll(() => open).toBe(0);
  });
});

test('an error holds no credential anywhere, its causes included', async () => {
  const { io } = await talking(reset);
  const error = await errorOf(io.send(LIST));
  const whole = inspect(error, { depth: 10, showHidden: true });
  expect(whole).not.toContain(TOKEN);
  expect(whole).not.toContain('key-77aa');
});

test('a closed Io leaves no connection behind', async () => {
  const sockets = new Set<unknown>();
  const { io, base } = await talking((request, response) => {
    sockets.add(request.socket);
    request.socket.once('close', () => sockets.delete(request.socket));
    json({})(request, response);
  });
  await io.send(LIST);
  expect(sockets.size).toBe(1);
  io.close();
  await expect.poll(() => sockets.size).toBe(0);
  const probe = connect(Number(new URL(base).port), '127.0.0.1');
  await new Promise((resolve) => probe.once('connect', resolve));
  probe.destroy();
});
