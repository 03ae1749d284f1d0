import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { RollcallError } from '../../errors.ts';
import { globalsOf } from '../globals.ts';
import { print } from '../print.ts';

const EXAMPLE = new URL('../../../config/rollcall.example.yaml', import.meta.url);
const SCHEMA = new URL('../../../config/rollcall.schema.json', import.meta.url);

const FIRST_ENV =
  '# Secrets of rollcall.yaml. The real environment wins over this file. Never commit it.\nPYLON_TOKEN=\n';

/** `rollcall init`: a first configuration to fill in. Never overwrites. */
export async function init(_options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const file = resolve(globals.config ?? 'rollcall.yaml');
  if (existsSync(file)) {
    throw new RollcallError('config', `${file} is already there; edit it, or name another with --config`, {
      step: 'init',
    });
  }
  const example = readFileSync(EXAMPLE, 'utf8').replace('$schema=./rollcall.schema.json', `$schema=${SCHEMA.href}`);
  writeFileSync(file, example, { flag: 'wx' });
  const env = resolve(file, '../.env');
  const made = !existsSync(env);
  if (made) writeFileSync(env, FIRST_ENV, { mode: 0o600, flag: 'wx' });
  if (globals.json) {
    print(JSON.stringify({ file, env, env_made: made }));
    return 0;
  }
  print(`wrote ${file}`);
  print(
    made ? `wrote ${env}: put your Pylon API token into it` : `put your Pylon API token as PYLON_TOKEN into ${env}`,
  );
  print('then: rollcall check, rollcall sync');
  return 0;
}
