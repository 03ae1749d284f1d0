import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Source } from '../src/contract/source.ts';
import { checkOwn, thrownWords } from '../src/sources/registry.ts';
import { isMapping } from './inspection.ts';
import { OWN_FILE } from './schema.ts';

/** What the configuration says of a source that is a file: the file as written, and what came of it. */
export type OwnSources = ReadonlyMap<string, { readonly source: Source } | { readonly problem: string }>;

/** The module that such a file imports, wherever it lies: it is the running program's own. */
const MODULE = 'rollcall/source';
const OWN = new URL(`../src/sources/own${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url).href;

/** True for a `source` that is a file and no name. */
function isFile(source: unknown): source is string {
  return typeof source === 'string' && OWN_FILE.test(source);
}

/** Files of own sources, and what they import from beside them. */
const theirs = new Set<string>();

let hooked = false;

/** TypeScript of theirs is a module, whatever the package.json says that lies near it, or says not. */
const isModule = (url: string): boolean => theirs.has(url) && /\.m?ts$/.test(url);

/** Lets their files import `rollcall/source` wherever they lie. */
function hook(): void {
  if (hooked) return;
  hooked = true;
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === MODULE) return { url: OWN, shortCircuit: true };
      const found = next(specifier, context);
      if (theirs.has(context.parentURL ?? '') && specifier.startsWith('.')) theirs.add(found.url);
      return isModule(found.url) ? { ...found, format: 'module-typescript' } : found;
    },
  });
}

async function load(file: string): Promise<{ source: Source } | { problem: string }> {
  if (!existsSync(file)) return { problem: `there is no file ${file}` };
  hook();
  try {
    const { href } = pathToFileURL(file);
    theirs.add(href);
    const module: unknown = await import(href);
    const checked = checkOwn(Reflect.get(Object(module), 'default'));
    return 'problem' in checked ? { problem: `${file} ${checked.problem}` } : checked;
  } catch (error) {
    return { problem: `${file} cannot be loaded: ${thrownWords(error, file)}` };
  }
}

/** Loads the files that the connections of a configuration name as their source. */
export async function loadOwnSources(configuration: unknown, folder: string): Promise<OwnSources> {
  const connections = isMapping(configuration) ? configuration.connections : undefined;
  const named = isMapping(connections)
    ? Object.values(connections).flatMap((one) => (isMapping(one) && isFile(one.source) ? [one.source] : []))
    : [];
  const loaded = new Map<string, { source: Source } | { problem: string }>();
  const files = new Map<string, string>();
  for (const written of new Set(named)) {
    const file = resolve(folder, written);
    const found = await load(file);
    const name = 'source' in found ? found.source.name : '';
    const other = files.get(name);
    const taken = other !== undefined && other !== file;
    loaded.set(written, taken ? { problem: `${file} calls its source ${name}, as ${other} does` } : found);
    if (name !== '') files.set(name, file);
  }
  return loaded;
}
