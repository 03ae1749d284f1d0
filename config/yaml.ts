// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { type Document, LineCounter, parseDocument, visit, type YAMLError } from 'yaml';

const FLOW_HINT = 'a reference inside { } needs quotes, for example { token: "${NAME}" }';

/** Words of ours for what the parser would explain with a piece of the file, which may be a secret. */
const WORDS: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this key is written twice in the same mapping',
  MULTIPLE_DOCS: 'a second document begins here; the configuration is one document',
  NON_STRING_KEY: 'a key must be plain text; a value that begins with { or [ needs quotes',
  TAG_RESOLVE_FAILED: 'unknown tag; a value that begins with ! needs quotes',
  BAD_SCALAR_START: 'a value that begins with this character needs quotes',
};

const NO_ANCHOR = 'this alias names no anchor above it; a value that begins with * needs quotes';
const OWN_ANCHOR = 'this alias stands inside of what it names';
const TOO_MANY = 'the aliases of this file multiply to too many values';

/** The end of a parser's message that repeats what the file says. */
const QUOTING = /(: ["{[].*|(?<=extra characters): .*|(?<=escape sequence) .*)$/s;

function said(error: Pick<YAMLError, 'code' | 'message'>): string {
  return WORDS[error.code] ?? error.message.replace(QUOTING, '');
}

interface Fault {
  readonly offset: number;
  readonly words: string;
}

function faultsOf(document: Document): Fault[] {
  const faults = [...document.errors, ...document.warnings].map((error) => ({
    offset: error.pos[0],
    words: said(error),
  }));
  // Aliases of a broken document may be unresolved because of its other faults.
  if (faults.length > 0) return faults;
  visit(document, {
    Alias: (_, alias, ancestors) => {
      const target = alias.resolve(document);
      if (target !== undefined && !ancestors.includes(target)) return;
      faults.push({ offset: alias.range?.[0] ?? 0, words: target === undefined ? NO_ANCHOR : OWN_ANCHOR });
    },
  });
  return faults;
}

/** What a YAML text holds, or why it cannot be read: one line per faulty line of the file, with line and column. */
export function parseYaml(text: string): { readonly value: unknown } | { readonly faults: readonly string[] } {
  const counter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: counter,
    prettyErrors: false,
    stringKeys: true,
    merge: true,
  });
  const lines = text.split('\n');
  const byLine = new Map<number, string>();
  for (const { offset, words } of faultsOf(document)) {
    const { line, col } = counter.linePos(offset);
    if (byLine.has(line)) continue;
    const hint = (lines[line - 1] ?? '').includes('${') ? ` (${FLOW_HINT})` : '';
    byLine.set(line, `line ${line}, column ${col}: ${words}${hint}`);
  }
  if (byLine.size > 0) return { faults: [...byLine.values()] };
  try {
    return { value: document.toJS() };
  } catch (error) {
    if (error instanceof ReferenceError) return { faults: [TOO_MANY] };
    throw error;
  }
}
