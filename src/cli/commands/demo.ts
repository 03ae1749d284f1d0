import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../../../config/types.ts';
import type { Run } from '../../contract/run.ts';
import { type PylonApi, startPylon } from '../../demo/pylon/server.ts';
import type { PylonWorld } from '../../demo/pylon/world.ts';
import { RollcallError } from '../../errors.ts';
import { execute } from '../../sync/run.ts';
import { type Globals, globalsOf } from '../globals.ts';
import { print, runObject, runText, table } from '../print.ts';
import { type Stop, stopOnSignals } from '../stop.ts';
import { view } from '../terminal.ts';
import { configOf, connectionOf, depsOf, openWarehouse } from '../workplace.ts';

const FOLDER = 'rollcall-demo';
const USERS = 5000;

const QUERIES: readonly (readonly [question: string, sql: string])[] = [
  [
    'Who changed in the last sync, and how?',
    'select op, name, changed_fields from user_changes where seq = (select max(seq) from user_changes) order by op, name limit 8',
  ],
  [
    'How many people have which role?',
    'select role_name, count(*) as users from user_roles group by role_name order by users desc, role_name limit 6',
  ],
  [
    'What was one renamed user called before?',
    "select name, valid_from, valid_to from user_history where user_id in (select user_id from user_changes where op = 'update' and list_contains(changed_fields::varchar[], 'name') order by user_id limit 1) order by valid_from",
  ],
];

/** The folder is the demo's own: what an earlier demo left in it is removed, anything else is left alone. */
function writeFiles(api: PylonApi): { folder: string; file: string } {
  const folder = resolve(FOLDER);
  for (const name of ['data', 'rollcall.yaml', '.env']) rmSync(join(folder, name), { recursive: true, force: true });
  if (!existsSync(folder)) mkdirSync(folder);
  const file = join(folder, 'rollcall.yaml');
  writeFileSync(
    file,
    [
      '# Written by `rollcall demo`; the next demo writes it again. The API of the demo ends with it, the tables stay.',
      'warehouse:',
      '  type: duckdb',
      '  path: ./data/warehouse.duckdb',
      'state:',
      '  dir: ./data/state',
      'connections:',
      '  support:',
      '    source: pylon',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the config, resolved from .env beside it
      '    token: ${PYLON_TOKEN}',
      `    base_url: ${api.url}`,
      '',
    ].join('\n'),
  );
  writeFileSync(join(folder, '.env'), `PYLON_TOKEN=${api.token}\n`, { mode: 0o600 });
  return { folder, file };
}

/** What people do to a directory between two syncs. */
function changeSome(world: PylonWorld): string {
  const plain = world
    .users('listed')
    .filter((user) => typeof user.name === 'string' && user.name.length > 3 && user.name.length < 30);
  const [admin] = world.roles().filter((role) => role.slug === 'admin');
  world.add({ name: 'Robin Newcomer', email: 'robin.newcomer@acme.test' });
  world.add({ name: 'Sasha Newcomer', email: 'sasha.newcomer@acme.test' });
  for (const user of plain.slice(100, 103)) world.rename(user.id, `${user.name} Married`);
  const promoted = plain.filter((user) => user.role_id !== admin?.id).slice(200, 202);
  for (const user of promoted) if (admin !== undefined) world.changeRole(user.id, admin.id);
  return '2 people joined, 3 were renamed, 2 became admins';
}

async function syncNow(config: Config, globals: Globals, stop: Stop): Promise<Run> {
  const seen = view('support', globals);
  try {
    const deps = depsOf(config, connectionOf(config, 'support'), seen, stop.signal);
    return await execute(deps, { kind: 'sync', trigger: 'command', scheduled_at: null, allowDeletes: false });
  } finally {
    seen.done();
  }
}

function show(run: Run, globals: Globals): void {
  print(globals.json ? JSON.stringify(runObject(run)) : `  ${runText(run)}`);
  if (run.error !== null) throw new RollcallError(run.error.kind, run.error.message, { step: run.error.step });
}

async function showQueries(config: Config, stop: Stop): Promise<void> {
  const session = await openWarehouse(config, 'read', { signal: stop.signal, waiting: () => undefined });
  if (session === null) throw new Error('the demo has no warehouse after two syncs');
  try {
    for (const [question, sql] of QUERIES) {
      const rows = await Array.fromAsync(session.read({ sql, params: [] }));
      const names = Object.keys(rows[0] ?? {});
      print(`\n${question}\n  ${sql}\n`);
      print(
        table(
          names,
          rows.map((row) => names.map((name) => row[name])),
        ).replaceAll(/^/gm, '  '),
      );
    }
  } finally {
    await session.close();
  }
}

/** `rollcall demo`: a local API, two syncs with changes between them, and questions to the tables. */
export async function demo(_options: object, command: Command): Promise<number> {
  const given = globalsOf(command);
  const globals = { ...given, quiet: given.quiet || process.stderr.isTTY !== true };
  const say = (line: string): void => {
    if (!globals.json) print(line);
  };
  const stop = stopOnSignals();
  const api = await startPylon({ users: USERS, seed: 7 });
  try {
    const { file } = writeFiles(api);
    const config = await configOf(file);
    say(`A Pylon API with ${USERS.toLocaleString('en-US')} users runs at ${api.url}; the files are in ./${FOLDER}/\n`);
    say('First sync:');
    show(await syncNow(config, globals, stop), globals);
    say(`\nMeanwhile, in Pylon: ${changeSome(api.world)}.\n`);
    say('Second sync:');
    show(await syncNow(config, globals, stop), globals);
    if (!globals.json) await showQueries(config, stop);
    say(`\nAsk your own: rollcall query --config ${FOLDER}/rollcall.yaml "select * from current_users limit 5"`);
    return 0;
  } finally {
    await api.close();
    stop.release();
  }
}
