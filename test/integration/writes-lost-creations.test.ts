import { describe, expect, test } from 'vitest';
import type { WireFault } from '../../src/demo/local/faults.ts';
import { first, identHome, onWrite } from '../support/writing.ts';

/** The server did what it was asked for, and nobody heard of it. */
const LOST: WireFault = { kind: 'lost' };
/** The connection broke before the server did anything. */
const UNDONE: WireFault = { kind: 'reset' };

describe('a creation whose answer is lost', () => {
  const create = ['users', 'create', 'crew', '--set', 'email=neo@acme.test', 'first_name=Neo', '--yes'];

  test('is found by its address', async () => {
    const home = await identHome();
    onWrite(home, LOST);
    const { code, lines } = await home.write(...create);
    const made = home.api.world.users().find(({ email }) => email === 'neo@acme.test');
    expect({ code, line: first(lines) }).toMatchObject({ code: 0, line: { outcome: 'applied', user_id: made?.id } });
    expect(home.writes()).toHaveLength(1);
    expect(await home.rows('select user_id from users')).toEqual([{ user_id: made?.id }]);
  });

  test.each([
    ['was made all the same', true, 1],
    ['was not made', false, 2],
  ])('with a time to come again is looked for first: it %s', async (_what, made, sent) => {
    const home = await identHome();
    onWrite(home, { kind: 'status', status: 503, headers: { 'retry-after': '0' } });
    home.api.faults.add({
      when: ({ method }) => {
        if (method === 'GET' && home.writes().length === 1 && made && home.api.world.users().length === 10)
          home.api.world.add({ email: 'neo@acme.test', first_name: 'Neo' });
        return false;
      },
      answer: UNDONE,
    });
    const { code, lines } = await home.write(...create);
    expect({ code, outcome: first(lines).outcome, sent: home.writes().length }).toEqual({
      code: 0,
      outcome: 'applied',
      sent,
    });
    expect(home.api.world.users().filter(({ email }) => email === 'neo@acme.test')).toHaveLength(1);
  });

  test('is not made again without an address to look for it by', async () => {
    const home = await identHome();
    const nameless = ['users', 'create', 'crew', '--set', 'first_name=Neo', '--yes'];
    onWrite(home, LOST);
    expect(first((await home.write(...nameless)).lines).outcome).toBe('unknown');
    const { code, lines } = await home.write(...nameless);
    expect({ code, outcome: first(lines).outcome, sent: home.writes().length }).toEqual({
      code: 3,
      outcome: 'refused',
      sent: 1,
    });
    expect(first(lines).error?.message).toContain('look in the source whether he is there');
    expect(await home.rows('select outcome from user_writes')).toEqual([{ outcome: 'unknown' }]);
  });

  test('is unknown when nobody new has the address, and made once when it is asked for again', async () => {
    const home = await identHome();
    onWrite(home, UNDONE);
    const lost = await home.write(...create);
    expect({ code: lost.code, outcome: first(lost.lines).outcome, sent: home.writes().length }).toEqual({
      code: 1,
      outcome: 'unknown',
      sent: 1,
    });
    const again = await home.write(...create);
    expect({ code: again.code, outcome: first(again.lines).outcome }).toEqual({ code: 0, outcome: 'applied' });
    expect(home.api.world.users().filter(({ email }) => email === 'neo@acme.test')).toHaveLength(1);
    expect(await home.rows('select outcome from user_writes order by requested_at')).toEqual([
      { outcome: 'failed' },
      { outcome: 'applied' },
    ]);
  });
});
