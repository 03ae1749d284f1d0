#!/usr/bin/env node
// CommonJS in the syntax of Node 12, so that an old runtime gets as far as the sentence that refuses it.

/** The oldest runtime on which every dependency works; `engines` in package.json says the same. */
const NEEDED = [22, 18];

function tooOld(version) {
  const parts = version.split('.').map(Number);
  return parts[0] < NEEDED[0] || (parts[0] === NEEDED[0] && parts[1] < NEEDED[1]);
}

function refuse(sentence) {
  process.stderr.write(`rollcall: ${sentence}\n`);
  process.exitCode = 2;
}

/** The program: its sources in a checkout, what was built from them in a package. Null: nothing can be run. */
function program() {
  const { existsSync } = require('node:fs');
  const { join } = require('node:path');
  const top = join(__dirname, '..');
  const source = join(top, 'src/cli/main.ts');
  if (!existsSync(source)) return join(top, 'dist/src/cli/main.js');
  return existsSync(join(top, 'node_modules')) ? source : null;
}

/** The program answers with an exit code whatever happens; a rejection means that it is broken or not all there. */
function fail(error) {
  const verbose = process.argv.includes('--verbose');
  const end = verbose ? `\n${error.stack}` : `${error.message}. Start it with --verbose to see where.`;
  process.stderr.write(`rollcall: an unexpected error stopped it: ${end}\n`);
  process.exitCode = 1;
}

function start() {
  const entry = program();
  if (entry === null) {
    refuse('its packages are not installed in this checkout. Run `npm ci` here once, then start it again.');
    return;
  }
  require('node:module').enableCompileCache();
  import(require('node:url').pathToFileURL(entry).href)
    .then((module) => module.main(process.argv.slice(2)))
    .then((code) => {
      process.exitCode = code;
    }, fail);
}

if (tooOld(process.versions.node)) {
  refuse(
    `Node ${process.versions.node} is too old, Node ${NEEDED.join('.')} or newer is needed. ` +
      'Install a newer Node, or in a checkout run `npm ci` once and start it as `npx rollcall`, which brings its own.',
  );
} else {
  start();
}
