// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { text } from 'node:stream/consumers';
import { variables } from '../../config/files.ts';
import { resolveReferences } from '../../config/secrets.ts';
import type { Config } from '../../config/types.ts';
import type { Writes } from '../contract/writes.ts';
import { RollcallError } from '../errors.ts';
import type { Row } from '../writes/row.ts';

/** Stands for what comes in on stdin. */
const STDIN = '-';

const HOW = 'write a reference, ${NAME} or ${file:/run/secrets/name}';

/** Why a value that a file gives for a secret is none that it may give; null when it is a reference. */
export function referenceProblem(value: string): string | null {
  // What was written instead is not shown: it is the secret.
  return /^\$\{[^{}]+\}$/.test(value) ? null : `is a secret and must not stand here; ${HOW}`;
}

/** The same for a command line, where stdin may bring it too. */
export function commandProblem(value: string): string | null {
  if (value === STDIN) return null;
  const problem = referenceProblem(value);
  return problem === null ? null : `${problem} (in single quotes), or ${STDIN} for stdin`;
}

async function fromStdin(): Promise<string> {
  if (process.stdin.isTTY === true)
    throw new RollcallError(
      'config',
      'a secret from stdin must be piped in: printf %s "$PASSWORD" | rollcall users …',
      {
        step: 'read the secret',
      },
    );
  const value = (await text(process.stdin)).replace(/\r?\n$/, '');
  if (value === '')
    throw new RollcallError('config', 'stdin brought no secret: it is empty', { step: 'read the secret' });
  return value;
}

/** What the references to secrets in these rows stand for. Throws `config` for one that stands for nothing. */
export async function secretValues(
  config: Config,
  writes: Writes,
  rows: readonly Row[],
): Promise<ReadonlyMap<string, string>> {
  const fields = new Set(writes.fields.filter(({ kind }) => kind === 'secret').map(({ name }) => name));
  const given = rows.flatMap((row) => row.settings.filter(({ field }) => fields.has(field)));
  const found = new Map<string, string>();
  if (given.length === 0) return found;
  const around = { folder: config.folder, variables: await variables(config.folder, process.env) };
  const problems = new Set<string>();
  for (const reference of new Set(given.map(({ value }) => String(value)))) {
    if (reference === STDIN) {
      found.set(STDIN, await fromStdin());
      continue;
    }
    const resolved = resolveReferences(reference, around);
    for (const problem of resolved.problems) problems.add(problem);
    found.set(reference, resolved.text);
  }
  if (problems.size > 0) throw new RollcallError('config', [...problems].join('\n'), { step: 'read the secret' });
  return found;
}
