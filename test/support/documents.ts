import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the checkout. */
export const TOP = fileURLToPath(new URL('../..', import.meta.url));

/** Every document of the project, by its path in the checkout. */
export const DOCUMENTS: ReadonlyMap<string, string> = new Map(
  ['README.md', 'CHANGELOG.md', ...readdirSync(join(TOP, 'docs'), { recursive: true }).map((name) => `docs/${name}`)]
    .filter((file) => file.endsWith('.md'))
    .map((file) => [file, readFileSync(join(TOP, file), 'utf8')]),
);

/** Text of a document. */
export const textOf = (file: string): string => {
  const text = DOCUMENTS.get(file);
  if (text === undefined) throw new Error(`there is no ${file}`);
  return text;
};

/** A fenced block, and the heading that it stands under. */
export interface Block {
  readonly file: string;
  readonly heading: string;
  readonly code: string;
}

/** The fenced blocks of a language in some documents. */
export function blocks(language: string, files: Iterable<string> = DOCUMENTS.keys()): Block[] {
  return [...files].flatMap((file) => {
    const found = textOf(file).matchAll(/^#+ (.*)$|^```(\w+)\n([\s\S]*?)^```$/gm);
    let heading = '';
    return [...found].flatMap(([, title, kind, code]) => {
      heading = title ?? heading;
      return kind === language ? [{ file, heading, code: code ?? '' }] : [];
    });
  });
}
