// Installs what the lockfile names and node_modules lacks, so that every command works in a fresh clone. Runs before
// the npm scripts, on whatever Node (>= 20) the machine has, with nothing installed yet: no dependencies, plain
// JavaScript, nothing on stdout. An argument names a folder of the checkout that has packages of its own.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const checkout = fileURLToPath(new URL('..', import.meta.url));
const top = join(checkout, process.argv[2] ?? '');
const pinnedNode = join(checkout, 'node_modules/node/bin/node');

function packages(file) {
  const path = join(top, file);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {};
}

/** True when a package of the lockfile is not installed in its version. npm writes the second file as its last act. */
function incomplete() {
  const installed = packages('node_modules/.package-lock.json');
  return Object.entries(packages('package-lock.json')).some(
    // Optional packages are builds for one platform each: most of them are never installed, and all go with another.
    ([place, wanted]) => place !== '' && wanted.optional !== true && installed[place]?.version !== wanted.version,
  );
}

/** The pinned Node comes by an install script, which npm may have been told to leave out. */
function lacksNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return (major < 22 || (major === 22 && minor < 18)) && !existsSync(pinnedNode);
}

/** npm as this process was started by it; else the one on the PATH. Its Node must not be the one it replaces. */
function npm() {
  const { npm_execpath: path = '', npm_node_execpath: node = process.execPath } = process.env;
  return basename(path) === 'npm-cli.js' ? [node, path] : ['npm'];
}

/** Runs `npm ci`, its words to stderr, and resolves to its exit code. */
function install() {
  const [command = 'npm', ...first] = npm();
  const quiet = process.env.npm_config_loglevel === 'silent' ? ['--loglevel=error'] : [];
  // NODE_ENV=production or a user's `omit` would leave out what these scripts run with.
  const rest = ['ci', '--no-audit', '--no-fund', '--include=dev', '--include=optional', ...quiet];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...rest], {
      cwd: top,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: first.length === 0 && process.platform === 'win32',
    });
    child.stdout.pipe(process.stderr);
    createInterface({ input: child.stderr }).on('line', (line) => {
      // These compare the packages with the machine's Node; they run on the pinned one that is installed with them.
      if (!/^npm warn EBADENGINE/i.test(line)) process.stderr.write(`${line}\n`);
    });
    child.on('error', reject);
    child.on('close', resolve);
  });
}

async function main() {
  if (!incomplete() && !lacksNode()) return;
  process.stderr.write('Installing the packages that package-lock.json names (npm ci) …\n');
  const code = await install().catch((error) => error.message);
  if (code === 0 && !lacksNode()) return;
  const what =
    code === 0
      ? 'npm ci left out the pinned Node 24, because install scripts are turned off; allow them for the package `node`, or use Node 22.18 or newer'
      : `npm ci failed (${code}), its own words are above; mend that (network, registry, disk), then start this command again`;
  process.stderr.write(`Rollcall's packages are not installed: ${what}.\n`);
  process.exitCode = 1;
}

await main();
