import { describe, expect, test, vi } from 'vitest';
import { makeLine } from '../../jobs/line.ts';
import type { Locks } from '../../jobs/locks.ts';
import { makeSessions, type SessionParts } from '../../jobs/sessions.ts';
import type { Session, Warehouse } from '../../src/contract/warehouse.ts';
import { duckdb } from '../../src/warehouses/duckdb.ts';

const never = new AbortController().signal;
const waited = (): void => undefined;

/** A warehouse of nothing, and what was done to it. */
function scene(oneSession: boolean, closing = async (): Promise<void> => undefined) {
  const done: string[] = [];
  let open = 0;
  const session = (access: string): Session => {
    let statements = 0;
    const count = async (): Promise<void> => {
      statements += 1;
    };
    return {
      identity: async () => null,
      run: count,
      stage: async () => 'staging',
      unstage: count,
      transact: async () => {
        throw new Error('broken');
      },
      read: async function* () {
        yield* [];
      },
      statements: () => statements,
      close: async () => {
        open -= 1;
        done.push(`close ${access}`);
        await closing();
      },
    };
  };
  const locks: Locks = {
    tryTake: async () => ({ heldBy: 'nobody' }),
    take: async () => {
      done.push('lock');
      return { lost: never, release: async () => void done.push('unlock') };
    },
  };
  const warehouse: Warehouse = { ...(duckdb as Warehouse), oneSession };
  const parts: SessionParts = {
    warehouse,
    locks,
    owner: 'me',
    open: async (access) => {
      open += 1;
      if (oneSession) expect(open).toBe(1);
      done.push(`open ${access}`);
      return session(access);
    },
  };
  return { done, sessions: makeSessions(parts) };
}

describe('a warehouse that bears one session', () => {
  test('is opened for one after the other, and closed at once when nobody waits', async () => {
    const { done, sessions } = scene(true);
    for (const access of ['read', 'write'] as const) await (await sessions.open(access, never, waited))?.close();
    expect(done).toEqual(['lock', 'open read', 'close read', 'unlock', 'lock', 'open write', 'close write', 'unlock']);
  });

  test('is handed on to those who wait, each of whom counts his own statements', async () => {
    const { done, sessions } = scene(true);
    const counts: number[] = [];
    await Promise.all(
      ['write', 'read', 'write'].map(async (access) => {
        const session = await sessions.open(access === 'read' ? 'read' : 'write', never, waited);
        await session?.run([]);
        counts.push(session?.statements() ?? -1);
        await session?.close();
      }),
    );
    expect(counts).toEqual([1, 1, 1]);
    expect(done).toEqual(['lock', 'open write', 'close write', 'unlock']);
  });

  test('is not handed on after an error in it', async () => {
    const { done, sessions } = scene(true);
    const first = await sessions.open('write', never, waited);
    const second = sessions.open('write', never, waited);
    await expect(first?.transact({ id: 'broken', fence: { sql: '', params: [] }, steps: [] }, never)).rejects.toThrow(
      'broken',
    );
    await first?.close();
    await (await second)?.close();
    expect(done).toEqual([
      'lock',
      'open write',
      'close write',
      'unlock',
      'lock',
      'open write',
      'close write',
      'unlock',
    ]);
  });

  test('is closed when the one who waited for it gives up', async () => {
    const { done, sessions } = scene(true);
    const first = await sessions.open('write', never, waited);
    const impatient = new AbortController();
    const second = sessions.open('write', impatient.signal, waited);
    const closing = first?.close();
    impatient.abort();
    await closing;
    await expect(second.then((session) => session?.close())).rejects.toThrow();
    await expect.poll(() => done.at(-1)).toBe('unlock');
    await (await sessions.open('write', never, waited))?.close();
    expect(done.filter((step) => step.startsWith('open')).length).toBe(
      done.filter((step) => step.startsWith('close')).length,
    );
  });

  test('that does not close well once nobody wants it is given up, and the next one opens it anew', async () => {
    const full = vi.fn(async () => undefined).mockRejectedValueOnce(new Error('the disk is full'));
    const { done, sessions } = scene(true, full);
    const first = await sessions.open('write', never, waited);
    const impatient = new AbortController();
    const second = sessions.open('write', impatient.signal, waited);
    const closing = first?.close();
    impatient.abort();
    await closing;
    await expect(second).rejects.toThrow();
    await expect.poll(() => done.at(-1)).toBe('unlock');
    await (await sessions.open('write', never, waited))?.close();
    const each = ['lock', 'open write', 'close write', 'unlock'];
    expect(done).toEqual([...each, ...each]);
  });
});

describe('any other warehouse', () => {
  test('is read beside others without a lock, and written to under it', async () => {
    const { done, sessions } = scene(false);
    const [one, two] = [await sessions.open('read', never, waited), await sessions.open('read', never, waited)];
    const three = await sessions.open('write', never, waited);
    for (const session of [one, two, three]) await session?.close();
    expect(done).toEqual([
      'open read',
      'open read',
      'lock',
      'open write',
      'close read',
      'close read',
      'close write',
      'unlock',
    ]);
  });
});

describe('a line', () => {
  test('has its order, and goes on behind who leaves it', async () => {
    const line = makeLine();
    const order: string[] = [];
    const first = await line.turn(never);
    const leaver = new AbortController();
    const left = line.turn(leaver.signal, async () => void order.push('left'));
    const third = line.turn(never).then((pass) => {
      order.push('third');
      pass();
    });
    expect(line.waiting()).toBe(2);
    leaver.abort();
    await expect(left).rejects.toThrow();
    expect(line.waiting()).toBe(1);
    first();
    await third;
    expect(order).toEqual(['left', 'third']);
  });
});
