import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAst } from 'vitest/node';
import { nodes } from '../support/imports.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rollcall-entry-'));
  cpSync(join(checkout, 'bin'), join(folder, 'bin'), { recursive: true });
  write('package.json', '{ "type": "module" }');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...env },
  });
  return { status, stdout, stderr };
}

const silent = { status: 0, stdout: '', stderr: '' };

describe('bin/rollcall.js', () => {
  const program = (says: string) =>
    `export async function main(argv: string[]): Promise<number> { console.log(${JSON.stringify(says)}, argv.join('+')); return argv.length; }`;

  test.each(['12.22.12', '20.20.2', '22.17.1'])('refuses Node %s with one line and exit code 2', (version) => {
    write('src/cli/main.ts', program('loaded'));
    write('node_modules/.keep', '');
    write('old.cjs', `Object.defineProperty(process, 'versions', { value: { node: '${version}' } });`);
    const { status, stdout, stderr } = run(['--require', './old.cjs', 'bin/rollcall.js', 'sync']);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^rollcall: Node \S+ is too old, Node 22\.18 or newer is needed\. Install [^\n]+\n$/);
    expect(stderr).toContain(version);
  });

  test('is written in the syntax of Node 12', () => {
    const { body } = parseAst(readFileSync(join(checkout, 'bin/rollcall.js'), 'utf8'), { lang: 'js' });
    const found = [...nodes(body)].map(({ type, operator }) => (type === 'LogicalExpression' ? operator : type));
    expect(found).toContain('ImportExpression');
    const newer = [
      '??',
      'ChainExpression',
      'AwaitExpression',
      'ImportDeclaration',
      'PropertyDefinition',
      'StaticBlock',
    ];
    expect(newer.filter((syntax) => found.includes(syntax))).toEqual([]);
  });

  test('runs the sources in a checkout, hands over the arguments and ends with the exit code', () => {
    write('src/cli/main.ts', program('source'));
    write('dist/src/cli/main.js', 'export const main = async () => 9;');
    write('node_modules/.keep', '');
    const ended = run(['bin/rollcall.js', 'sync', '--json', 'support']);
    expect(ended).toEqual({ status: 3, stdout: 'source sync+--json+support\n', stderr: '' });
  });

  test('runs what was built where there are no sources', () => {
    write('dist/src/cli/main.js', "export const main = async () => (console.log('built'), 0);");
    expect(run(['bin/rollcall.js'])).toEqual({ status: 0, stdout: 'built\n', stderr: '' });
  });

  test('says what to run in a checkout without packages', () => {
    write('src/cli/main.ts', program('loaded'));
    const { status, stdout, stderr } = run(['bin/rollcall.js']);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^rollcall: its packages are not installed in this checkout\. Run `npm ci`[^\n]+\n$/);
  });

  test('shows the stack of an unexpected error only when asked to', () => {
    write('dist/src/cli/main.js', "export const main = async () => { throw new Error('broken'); };");
    expect(run(['bin/rollcall.js'])).toEqual({
      status: 1,
      stdout: '',
      stderr: 'rollcall: an unexpected error stopped it: broken. Start it with --verbose to see where.\n',
    });
    expect(run(['bin/rollcall.js', '--verbose']).stderr).toContain('main.js:1:');
  });
});

describe('scripts/install-missing.mjs', () => {
  const packages = (extra: object) =>
    JSON.stringify({ packages: { '': { name: 'x' }, 'node_modules/got': { version: '16.1.0' }, ...extra } });
  const otherPlatform = { 'node_modules/cli-aix': { version: '1.0.0', optional: true, os: ['aix'] } };
  const installed = 'node_modules/.package-lock.json';

  /** A stand-in for npm that notes how it was called and does what the test says. */
  function npm(does: string): NodeJS.ProcessEnv {
    write(
      'npm-cli.js',
      `import { appendFileSync, mkdirSync, copyFileSync } from 'node:fs';
       appendFileSync('calls', process.argv.slice(2).join(' ') + '\\n');
       console.log('added 1 package');
       ${does}`,
    );
    return { npm_execpath: join(folder, 'npm-cli.js'), npm_node_execpath: process.execPath };
  }

  const install = (env: NodeJS.ProcessEnv): Ended => run(['scripts/install-missing.mjs'], env);
  const calls = (): string => readFileSync(join(folder, 'calls'), 'utf8');

  beforeEach(() => {
    cpSync(join(checkout, 'scripts'), join(folder, 'scripts'), { recursive: true });
    write('package-lock.json', packages(otherPlatform));
  });

  test('does nothing when everything for this platform is installed', () => {
    write(installed, packages({}));
    expect(install(npm('process.exit(1);'))).toEqual(silent);
  });

  test.each([
    ['nothing is installed', ''],
    ['a package is missing', '{ "packages": {} }'],
    ['a package has another version', '{ "packages": { "node_modules/got": { "version": "16.0.0" } } }'],
  ])('runs npm ci when %s, and keeps stdout clean', (_, before) => {
    if (before !== '') write(installed, before);
    const env = npm(
      `mkdirSync('node_modules', { recursive: true }); copyFileSync('package-lock.json', '${installed}');`,
    );
    const { status, stdout, stderr } = install(env);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(stderr).toMatch(/^Installing [^\n]+\nadded 1 package\n$/);
    expect(calls()).toMatch(/^ci --no-audit --no-fund --include=dev /);
    expect(install(env)).toEqual(silent);
    expect(calls().split('\n')).toHaveLength(2);
  });

  test('passes on what npm says, less the complaints about the Node that is replaced', () => {
    const { stderr } = install(
      npm("console.error('npm warn EBADENGINE Unsupported'); console.error('npm warn deprecated x');"),
    );
    expect(stderr).toContain('npm warn deprecated x\n');
    expect(stderr).not.toContain('EBADENGINE');
  });

  test('ends with one clear line and exit code 1 when npm fails', () => {
    const { status, stdout, stderr } = install(npm("console.error('npm error network'); process.exitCode = 7;"));
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      /npm error network\n(.*\n)?Rollcall's packages are not installed: npm ci failed \(7\)[^\n]+\n$/,
    );
  });

  test('says so when an old Node stays the only one because install scripts are off', () => {
    write('old.cjs', "Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } });");
    const env = { ...npm(''), NODE_OPTIONS: `--require=${join(folder, 'old.cjs')}` };
    const { status, stderr } = install(env);
    expect(status).toBe(1);
    expect(stderr).toContain('npm ci left out the pinned Node 24');
  });
});
