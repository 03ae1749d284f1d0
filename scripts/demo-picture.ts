/** Runs the demo and writes the beginning of what it prints as a picture of a terminal: docs/pictures/demo.svg. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TOP = fileURLToPath(new URL('..', import.meta.url));
/** Size of a character and of a line in the picture, in px. */
const CHAR = 8.4;
const LINE = 20;
const MARGIN = 24;
const BAR = 36;

const COLORS = { plain: '#d5dbe5', dim: '#7f8ea3', heading: '#8ec7ff', good: '#8fd694', prompt: '#e8c88a' };

function demoLines(): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-picture-'));
  try {
    const out = execFileSync(process.execPath, [join(TOP, 'bin/rollcall.js'), 'demo', '--quiet'], { cwd: folder });
    const lines = String(out).split('\n');
    const end = lines.findIndex((line) => line.startsWith('How many people'));
    const shown = lines
      .slice(0, end === -1 ? undefined : end)
      .filter((line) => !/^ {2}(select|from|where) /.test(line));
    return ['$ npm run demo', '', ...shown]
      .join('\n')
      .replaceAll(/\n{3,}/g, '\n\n')
      .trimEnd()
      .split('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function colorOf(line: string): string {
  if (line.startsWith('$ ')) return COLORS.prompt;
  if (/^ {2}\w+: ok /.test(line)) return COLORS.good;
  if (/^ {2}(-+ *)+$/.test(line)) return COLORS.dim;
  return /^\S.*[:?]$/.test(line) ? COLORS.heading : COLORS.plain;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function picture(lines: readonly string[]): string {
  const width = Math.ceil(Math.max(...lines.map((line) => line.length)) * CHAR + 2 * MARGIN);
  const height = BAR + lines.length * LINE + MARGIN;
  const dots = ['#ff6058', '#ffbd2e', '#28c940'].map(
    (color, i) => `<circle cx="${20 + i * 20}" cy="18" r="6" fill="${color}"/>`,
  );
  const texts = lines.flatMap((line, i) => {
    const y = BAR + (i + 1) * LINE - 5;
    return line === ''
      ? []
      : [`<text x="${MARGIN}" y="${y}" fill="${colorOf(line)}" xml:space="preserve">${escaped(line)}</text>`];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="rollcall demo in a terminal">`,
    `<rect width="${width}" height="${height}" rx="10" fill="#1d2430"/>`,
    ...dots,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">`,
    ...texts,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

writeFileSync(join(TOP, 'docs/pictures/demo.svg'), picture(demoLines()));
