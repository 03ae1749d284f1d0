// Empties dist and lays out beside the compiled files what they read at run time, at the same place relative to them as
// in a checkout: a file found by `new URL('../../package.json', import.meta.url)` is found from both.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('dist', { recursive: true, force: true });
mkdirSync('dist/config', { recursive: true });

const { name, version, type } = JSON.parse(readFileSync('package.json', 'utf8'));
writeFileSync('dist/package.json', `${JSON.stringify({ name, version, type }, null, 2)}\n`);
for (const file of ['config/rollcall.example.yaml', 'config/rollcall.schema.json']) {
  copyFileSync(file, `dist/${file}`);
}
