import { describe, expect, test } from 'vitest';
import { RollcallError } from '../../src/errors.ts';
import { backoff, decide, type Next, type Tries } from '../../src/http/retry.ts';
import { serverWait, waitOf } from '../../src/http/retry-after.ts';
import type { TroubleFacts } from '../../src/http/trouble.ts';

const NOW = Date.parse('2026-11-01T00:00:00Z');
const NONE: Tries = { counted: 0, limited: 0, waitedMs: 0 };

function facts(changes: Partial<TroubleFacts>): TroubleFacts {
  return { reason: 'status 503', retries: 4, error: new RollcallError('transient', 'x'), ...changes };
}

/** Waits until the policy stops, and how it stops. */
function play(trouble: TroubleFacts, patienceMs: number, random = 1): { waits: number[]; end: Next } {
  const waits: number[] = [];
  let tries = NONE;
  for (;;) {
    const next = decide(tries, trouble, patienceMs, random);
    if (next.do !== 'again') return { waits, end: next };
    waits.push(next.ms);
    tries = next.tries;
  }
}

describe('Retry-After', () => {
  test.each([
    ['5', 5_000],
    [' 0.25 ', 250],
    ['0', 0],
    ['Sun, 01 Nov 2026 00:00:30 GMT', 30_000],
    ['Sunday, 01-Nov-26 00:00:30 GMT', 30_000],
    ['Sun Nov  1 00:00:30 2026', 30_000],
    ['Sat, 31 Oct 2026 00:00:00 GMT', 0],
  ])('%s is understood', (value, ms) => {
    expect(waitOf(value, NOW)).toBe(ms);
  });

  test.each(['-5', '5s', '1e3', '', 'soon', 'Sun, 99 Foo 2026', '9'.repeat(400), '2026-11-01T00:00:30Z'])(
    '"%s" counts as not said',
    (value) => {
      expect(waitOf(value, NOW)).toBeNull();
    },
  );

  test('the larger of both headers wins, and a malformed one does not spoil the other', () => {
    expect(serverWait({ 'retry-after': '2', 'x-retry-after': '7' }, NOW)).toBe(7_000);
    expect(serverWait({ 'retry-after': '9', 'x-retry-after': '7' }, NOW)).toBe(9_000);
    expect(serverWait({ 'retry-after': 'never', 'x-retry-after': '7' }, NOW)).toBe(7_000);
    expect(serverWait({}, NOW)).toBeNull();
  });
});

describe('short trouble', () => {
  test('backs off exponentially up to a cap, four times', () => {
    expect(play(facts({}), 0)).toEqual({ waits: [500, 1_000, 2_000, 4_000], end: { do: 'give-up' } });
    expect(backoff(9, 1)).toBe(8_000);
  });

  test('has full jitter', () => {
    expect([0, 0.25, 0.999].map((random) => backoff(3, random))).toEqual([0, 1_000, 3_996]);
  });

  test('that may not be repeated is not', () => {
    expect(decide(NONE, facts({ retries: 0 }), 1e6, 0.5)).toEqual({ do: 'give-up' });
  });

  test('with a wait of the server takes that wait, without jitter, and still counts', () => {
    const { waits, end } = play(facts({ serverMs: 3_000 }), 60_000, 0.1);
    expect(waits).toEqual([3_000, 3_000, 3_000, 3_000]);
    expect(end).toEqual({ do: 'give-up' });
  });
});

describe('a rate limit', () => {
  const limited = (serverMs: number | null): TroubleFacts => facts({ limited: true, retries: 0, serverMs });

  test('is waited out without counting as a retry, until patience ends', () => {
    const { waits, end } = play(limited(10_000), 95_000, 0.3);
    expect(waits).toEqual(Array(9).fill(10_000));
    expect(end).toEqual({ do: 'too-long', ms: 10_000 });
  });

  test('longer than the patience is not waited for at all', () => {
    expect(play(limited(11_000), 10_000)).toEqual({ waits: [], end: { do: 'too-long', ms: 11_000 } });
  });

  test('with waits of nothing is sent thirty times at most, backing off after the first', () => {
    const { waits } = play(limited(0), 1e9);
    expect(waits).toHaveLength(29);
    expect(waits.slice(0, 4)).toEqual([0, 1_000, 2_000, 4_000]);
  });

  test('without a word of the server backs off', () => {
    expect(play(limited(null), 4_000).waits).toEqual([500, 1_000, 2_000]);
  });
});
