import { behind, findOutside, isMark, isWord, SqlError, splitAt, type Token } from './tokens.ts';

/** A step of a script. */
export type Step =
  | { readonly kind: 'statement'; readonly tokens: readonly Token[] }
  | { readonly kind: 'if'; readonly branches: readonly Branch[] }
  | { readonly kind: 'raise'; readonly message: string }
  | { readonly kind: 'return' }
  | { readonly kind: 'assert'; readonly condition: readonly Token[]; readonly message: string }
  | { readonly kind: 'transaction'; readonly does: 'begin' | 'commit' | 'rollback' };

/** A branch of an IF; the last one may have no condition. */
interface Branch {
  readonly condition: readonly Token[] | null;
  readonly steps: readonly Step[];
}

/** Where an IF that began before `from` goes on: at its own ELSEIF, ELSE or END IF. */
function branchEnd(tokens: readonly Token[], from: number): number {
  for (let i = from, nested = 0; i < tokens.length; i += 1) {
    const begins =
      isWord(tokens[i], 'IF') && (i === 0 || isMark(tokens[i - 1], ';') || isWord(tokens[i - 1], 'THEN', 'ELSE'));
    if (begins && !isWord(tokens[i - 1], 'END')) nested += 1;
    if (isWord(tokens[i], 'END') && isWord(tokens[i + 1], 'IF')) {
      if (nested === 0) return i;
      nested -= 1;
    }
    if (nested === 0 && isWord(tokens[i], 'ELSEIF', 'ELSE') && isMark(tokens[i - 1], ';')) return i;
  }
  throw new SqlError('Syntax error: Expected END IF');
}

function readIf(tokens: readonly Token[]): { readonly step: Step; readonly next: number } {
  const branches: Branch[] = [];
  let at = 0;
  while (!isWord(tokens[at], 'END')) {
    const isElse = isWord(tokens[at], 'ELSE');
    const then = isElse ? at : findOutside(tokens, (token) => isWord(token, 'THEN'), at);
    if (then < 0) throw new SqlError('Syntax error: Expected THEN');
    const end = branchEnd(tokens, then + 1);
    const condition = isElse ? null : tokens.slice(at + 1, then);
    branches.push({ condition, steps: readScript(tokens.slice(then + 1, end)) });
    at = end;
  }
  return { step: { kind: 'if', branches }, next: at + 2 };
}

function messageOf(tokens: readonly Token[], word: 'MESSAGE' | 'AS'): string {
  const at = findOutside(tokens, (token) => isWord(token, word));
  const found = tokens.slice(at + 1).find((token) => token.kind === 'text');
  return at < 0 || found === undefined ? '' : found.value;
}

function simple(tokens: readonly Token[]): Step {
  const [first, second] = tokens;
  if (isWord(first, 'BEGIN') && (second === undefined || isWord(second, 'TRANSACTION')))
    return { kind: 'transaction', does: 'begin' };
  if (isWord(first, 'COMMIT')) return { kind: 'transaction', does: 'commit' };
  if (isWord(first, 'ROLLBACK')) return { kind: 'transaction', does: 'rollback' };
  if (isWord(first, 'RAISE')) return { kind: 'raise', message: messageOf(tokens, 'MESSAGE') };
  if (isWord(first, 'RETURN')) return { kind: 'return' };
  if (isWord(first, 'ASSERT')) {
    const as = findOutside(tokens, (token) => isWord(token, 'AS'));
    return { kind: 'assert', condition: tokens.slice(1, as < 0 ? undefined : as), message: messageOf(tokens, 'AS') };
  }
  return { kind: 'statement', tokens };
}

/** Reads a script: statements, transactions, IF, RAISE, ASSERT and RETURN. */
export function readScript(tokens: readonly Token[]): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < tokens.length; ) {
    if (isMark(tokens[at], ';')) {
      at += 1;
    } else if (isWord(tokens[at], 'IF') && !isMark(tokens[at + 1], ';')) {
      const { step, next } = readIf(tokens.slice(at));
      steps.push(step);
      at += next;
    } else {
      const end = findOutside(tokens, (token) => isMark(token, ';'), at);
      const stop = end < 0 ? tokens.length : end;
      steps.push(simple(tokens.slice(at, stop)));
      at = stop + 1;
    }
  }
  return steps;
}

/** What a statement does, in the API's words. */
export function statementType(tokens: readonly Token[]): string {
  const words = tokens.slice(0, 6).map((token) => (token.kind === 'name' ? token.value.toUpperCase() : ''));
  const [first = ''] = words;
  if (first === 'SELECT' || first === 'WITH' || isMark(tokens[0], '(')) return 'SELECT';
  if (first === 'CREATE')
    return words.includes('VIEW') ? 'CREATE_VIEW' : words.includes('SCHEMA') ? 'CREATE_SCHEMA' : 'CREATE_TABLE';
  if (first === 'ALTER') return 'ALTER_TABLE';
  if (first === 'DROP') return words.includes('VIEW') ? 'DROP_VIEW' : 'DROP_TABLE';
  if (first === 'TRUNCATE') return 'TRUNCATE_TABLE';
  if (['INSERT', 'UPDATE', 'DELETE', 'MERGE'].includes(first)) return first;
  throw new SqlError(
    `Syntax error: Unexpected ${first === '' ? JSON.stringify(tokens[0]?.value ?? 'end of script') : `keyword ${first}`}`,
  );
}

/** The parts of a MERGE that decide which rows meet. */
export interface MergeParts {
  readonly target: readonly Token[];
  readonly source: readonly Token[];
  readonly on: readonly Token[];
}

/** Takes a MERGE apart. */
export function mergeParts(tokens: readonly Token[]): MergeParts {
  const at = (word: string, from: number): number => findOutside(tokens, (token) => isWord(token, word), from);
  const start = isWord(tokens[1], 'INTO') ? 2 : 1;
  const using = at('USING', start);
  const on = at('ON', using);
  const when = at('WHEN', on);
  if (using < 0 || on < 0 || when < 0) throw new SqlError('Syntax error: a MERGE needs USING, ON and WHEN');
  return { target: tokens.slice(start, using), source: tokens.slice(using + 1, on), on: tokens.slice(on + 1, when) };
}

/** One column of a table that is being made or widened. */
export interface ColumnTokens {
  readonly name: string;
  readonly type: readonly Token[];
}

/** The columns between the brackets of CREATE TABLE. */
export function columnsOf(tokens: readonly Token[], open: number): ColumnTokens[] {
  return splitAt(tokens.slice(open + 1, behind(tokens, open) - 1), ',').map(([name, ...type]) => ({
    name: name?.value ?? '',
    type,
  }));
}
