import { describe, expect, test } from 'vitest';
import { makeLocks } from '../../jobs/locks.ts';
import type { Store } from '../../jobs/store/store.ts';
import { eventually } from './workers.ts';

/** The promises of what workers share, over one kind of store; each one that is opened is empty. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`${name}: what workers share`, () => {
    test('a budget gives no more than its limit to all who spend from it, and says how long to wait', async () => {
      const store = await open();
      const spent = await Promise.all(Array.from({ length: 40 }, () => store.budget.spend('support GET /users', 15)));
      expect(spent.filter((ms) => ms === 0)).toHaveLength(15);
      for (const ms of spent.filter((wait) => wait > 0)) {
        expect(ms).toBeGreaterThan(55_000);
        expect(ms).toBeLessThanOrEqual(60_500);
      }
      expect(await store.budget.spend('support GET /me', 15)).toBe(0);
      expect(await store.budget.spend('support GET /users', 0)).toBe(0);
      expect(await store.budget.spend('support GET /users', 16)).toBe(0);
    });

    test('a fact is read as it was written, and changes only from what it was', async () => {
      const store = await open();
      expect(await store.get('paused', 'a')).toBeNull();
      await store.put('paused', 'a', 'since ever');
      await store.put('paused', 'b', '"quoted" ünïcode');
      expect(await store.all('paused')).toEqual(
        new Map([
          ['a', 'since ever'],
          ['b', '"quoted" ünïcode'],
        ]),
      );
      await store.put('paused', 'a', null);
      expect([...(await store.all('paused')).keys()]).toEqual(['b']);
      expect(await store.swap('alert', 'a', null, '1')).toBe(true);
      expect(await store.swap('alert', 'a', null, '2')).toBe(false);
      expect(await store.swap('alert', 'a', '0', '2')).toBe(false);
      expect(await store.swap('alert', 'a', '1', '2')).toBe(true);
      expect(await store.get('alert', 'a')).toBe('2');
    });

    test('a lock has one holder, who is named to others, until it is given back or runs out', async () => {
      const store = await open();
      expect(await store.take('l', 'one 1', 60_000)).toBeNull();
      expect(await store.take('l', 'two 2', 60_000)).toBe('one 1');
      expect(await store.take('l', 'one 1', 60_000)).toBeNull();
      await store.drop('l', 'two 2');
      expect(await store.take('l', 'two 2', 60_000)).toBe('one 1');
      await store.drop('l', 'one 1');
      expect(await store.take('l', 'two 2', 1)).toBeNull();
      await eventually(async () => (await store.take('l', 'three 3', 60_000)) === null, 'the lock has run out');
    });

    test('those who wait for a lock have it one after the other', async () => {
      const store = await open();
      const locks = makeLocks(store);
      let inside = 0;
      const order: number[] = [];
      await Promise.all(
        Array.from({ length: 5 }, async (_, i) => {
          const held = await locks.take('apply', 'me', new AbortController().signal);
          expect(++inside).toBe(1);
          order.push(i);
          await store.ping();
          inside -= 1;
          await held.release();
        }),
      );
      expect(order).toEqual([0, 1, 2, 3, 4]);
    });

    test('who gives up waiting for a lock holds up nobody behind him', async () => {
      const locks = makeLocks(await open());
      const { signal } = new AbortController();
      const first = await locks.take('apply', 'me', signal);
      const impatient = new AbortController();
      const second = locks.take('apply', 'me', impatient.signal);
      const third = locks.take('apply', 'me', signal);
      impatient.abort();
      await expect(second).rejects.toThrow();
      await first.release();
      await (await third).release();
    });
  });
}
