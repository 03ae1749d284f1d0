import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MODULE = fileURLToPath(new URL('../../src/cli/young-space.ts', import.meta.url));

/** Largest space for new objects, in MiB, of a process that makes many which live for a while. */
function largest(first: string): number {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { setTimeout as pause } from 'node:timers/promises';
    import { keepYoungSpaceSmall } from ${JSON.stringify(MODULE)};
    ${first}
    let kept = [];
    let most = 0;
    for (let round = 0; round < 60; round += 1) {
      kept = Array.from({ length: 20_000 }, (_, i) => ({ i, text: 'u' + i }));
      await pause(round < 20 ? 5 : 0);
      most = Math.max(most, getHeapSpaceStatistics().find((s) => s.space_name === 'new_space').space_size);
    }
    console.log(most / 1024 / 1024, kept.length);`;
  const out = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
  return Number(out.split(' ')[0]);
}

test('the space for new objects stops growing in a run, where Node by itself goes to 32 MiB', () => {
  expect(largest('')).toBe(32);
  expect(largest('keepYoungSpaceSmall();')).toBeLessThanOrEqual(16);
});
