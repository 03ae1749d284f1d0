import { afterEach, describe, expect, test, vi } from 'vitest';
import { asCsv, asJson } from '../../src/cli/query-output.ts';

/** Rows without end, in the eyes of a test; how many were taken. */
function endless(most: number) {
  const taken = { rows: 0 };
  const rows = (async function* () {
    for (; taken.rows < most; taken.rows += 1) yield { pad: 'x'.repeat(1000) };
  })();
  return { taken, result: { rows, names: () => ['pad'] } };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each([
  ['JSON', asJson],
  ['CSV', asCsv],
])('rows printed as %s', (_what, printed) => {
  test('are taken no faster than they are read', async () => {
    let written = '';
    const slow = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written += String(text);
      return false;
    });
    const { taken, result } = endless(2000);
    const done = printed(result);
    await vi.waitFor(() => expect(slow).toHaveBeenCalled());
    await new Promise((resolve) => setImmediate(resolve));
    expect(taken.rows).toBeLessThan(200);
    slow.mockImplementation((text) => {
      written += String(text);
      return true;
    });
    process.stdout.emit('drain');
    await done;
    expect(taken.rows).toBe(2000);
    expect(written.length).toBeGreaterThan(2_000_000);
  });

  test('go nowhere and end where nobody reads any more', async () => {
    vi.spyOn(process.stdout, 'write').mockImplementationOnce(() => {
      setImmediate(() => process.stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })));
      return false;
    });
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await expect(printed(endless(3).result)).resolves.toBeUndefined();
  });
});
