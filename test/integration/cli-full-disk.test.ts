import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectNoSecret, expectTable, makeHome, synced } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

/** A disk of its own for the state, too small and then large, that ends with the shell. */
const SMALL_DISK = `
  mkdir -p data/state && mount -t tmpfs -o size=1000k rollcall data/state || exit 99
  "$@" >full.out 2>full.err; echo $? >full.code
  mount -o remount,size=64m data/state || exit 99
  exec "$@"`;

/** No file may grow beyond this, and then any may. */
const SMALL_FILES = `
  (ulimit -f 1000; "$@" >full.out 2>full.err; echo $? >full.code)
  exec "$@"`;

const MOUNTING = ['unshare', '--user', '--map-root-user', '--mount'];

/** Whether this system lets this user mount a disk that only his process sees. */
function mayMount(): boolean {
  const [program = '', ...args] = MOUNTING;
  return spawnSync(program, [...args, 'mount', '-t', 'tmpfs', 'rollcall', '/mnt']).status === 0;
}

const limited = { what: 'a limit on the size of files', before: ['bash', '-c', SMALL_FILES, 'bash'] };
const small = { what: 'a full disk', before: [...MOUNTING, 'bash', '-c', SMALL_DISK, 'bash'] };

// The limit is enforced everywhere; a disk that is really full is met where the system allows to make one.
test.each(mayMount() ? [limited, small] : [limited])(
  '$what, met while spooling, ends the run with one clear line, and the next run ends right',
  async ({ before }) => {
    const api = await start({ users: 4000, seed: 13, token: 'pyl_5up3rs3cr3t' });
    const home = makeHome(api);
    const after = await home.run(['sync', '--json'], { before });
    const [stdout = '', stderr = '', code = ''] = ['out', 'err', 'code'].map((part) =>
      readFileSync(join(home.folder, `full.${part}`), 'utf8'),
    );
    const full = synced({ code: Number(code), signal: null, stdout, stderr });
    expect(full, stdout).toMatchObject({ code: 1, outcome: 'failed', error: { kind: 'transient', retryable: true } });
    expect(full.error?.message).toMatch(/disk is full[^\n]*free space[^\n]*$/i);
    expect(stderr).not.toMatch(/\bat .*\.(ts|js):\d+/);

    expect(synced(after)).toMatchObject({ code: 0, outcome: 'ok', seen: 4000 });
    await expectTable(home);
    expect(await home.rows('select count(*) as n from user_changes')).toEqual([{ n: 4000 }]);
    expectNoSecret(home, 'pyl_5up3rs3cr3t', [after, { stdout, stderr }]);
  },
);
