import { describe, expect, test } from 'vitest';
import {
  addEffects,
  contentOf,
  effect,
  noEffects,
  type Standing,
  UNKNOWN,
  type Version,
} from '../../src/contract/effects.ts';

const version = (standing: Standing, fingerprint: string | null = 'r1:a'): Version => ({ fingerprint, standing });

describe('what loading a version does', () => {
  const cases: readonly [from: Version, to: Version, does: ReturnType<typeof effect>][] = [
    [UNKNOWN, version('live'), 'inserted'],
    [version('rejected'), version('live'), 'inserted'],
    [version('gone'), version('live'), 'restored'],
    [version('gone'), version('live', 'r1:b'), 'restored'],
    [version('live'), version('live'), null],
    [version('live'), version('live', 'r1:b'), 'updated'],
    [version('live'), version('live', 'r2:a'), 'same'],
    // Other rules make another content of the same record: that is sent, and no change.
    [version('live'), version('live', 'r2:b'), 'same'],
    [version('stale'), version('live', 'r1:b'), 'updated'],
    [version('inactive'), version('live'), null],
    [version('inactive'), version('live', 'r1:b'), 'updated'],
    [version('live'), version('inactive', 'r1:b'), 'updated'],
    [version('live'), version('gone'), 'deleted'],
    [version('inactive'), version('gone'), 'deleted'],
    [version('stale'), version('gone'), 'deleted'],
    [version('gone'), version('gone'), null],
    [UNKNOWN, version('gone'), null],
    [UNKNOWN, UNKNOWN, null],
  ];

  test.each(cases)('from %j to %j: %s', (from, to, does) => {
    expect(effect(from, to)).toBe(does);
  });
});

test('the content part of a fingerprint is what follows the recipe', () => {
  expect(contentOf('1.1.abcd:ff00')).toBe('ff00');
  expect(contentOf('1.1.abcd:ff:00')).toBe('ff:00');
  expect(contentOf(null)).toBe('');
});

describe('a sum of effects', () => {
  const one = { inserted: 1, updated: 2, restored: 3, deleted: 4, same: 5 };

  test('adds each kind', () => {
    const sum = { ...one };
    addEffects(sum, one);
    expect(sum).toEqual({ inserted: 2, updated: 4, restored: 6, deleted: 8, same: 10 });
  });

  test('takes away what was added', () => {
    const sum = noEffects();
    addEffects(sum, one);
    addEffects(sum, one, -1);
    expect(sum).toEqual(noEffects());
  });

  test('begins with nothing, each time anew', () => {
    noEffects().inserted += 1;
    expect(noEffects()).toEqual({ inserted: 0, updated: 0, restored: 0, deleted: 0, same: 0 });
  });
});
