import type { Command } from 'commander';
import { type PylonApi, startPylon } from '../../demo/pylon/server.ts';
import type { PylonWorld } from '../../demo/pylon/world.ts';
import { askAndShow, FOLDER, type Question, syncAndShow, writeDemo } from '../demo-stage.ts';
import { globalsOf } from '../globals.ts';
import { print } from '../print.ts';
import { type Stop, stopOnSignals } from '../stop.ts';
import { configOf } from '../workplace.ts';

const USERS = 5000;

const QUESTIONS: readonly Question[] = [
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

/** The demo's configuration. */
const files = (api: PylonApi) => ({
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the config, resolved from .env beside it
  connections: ['support:', '  source: pylon', '  token: ${PYLON_TOKEN}', `  base_url: ${api.url}`],
  secrets: { PYLON_TOKEN: api.token },
});

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

async function demoOne(command: Command, stop: Stop): Promise<void> {
  const given = globalsOf(command);
  const globals = { ...given, quiet: given.quiet || process.stderr.isTTY !== true };
  const say = (line: string): void => {
    if (!globals.json) print(line);
  };
  const api = await startPylon({ users: USERS, seed: 7 });
  try {
    const showing = { config: await configOf(writeDemo(files(api))), globals, stop };
    say(`A Pylon API with ${USERS.toLocaleString('en-US')} users runs at ${api.url}; the files are in ./${FOLDER}/\n`);
    say('First sync:');
    await syncAndShow(showing, 'support');
    say(`\nMeanwhile, in Pylon: ${changeSome(api.world)}.\n`);
    say('Second sync:');
    await syncAndShow(showing, 'support');
    await askAndShow(showing, QUESTIONS);
    say(`\nAsk your own: rollcall query --config ${FOLDER}/rollcall.yaml "select * from current_users limit 5"`);
  } finally {
    await api.close();
  }
}

/** `rollcall demo [--all]`: local APIs, two syncs with changes between them, and questions to the tables. */
export async function demo(options: { all?: true }, command: Command): Promise<number> {
  const stop = stopOnSignals();
  try {
    if (options.all === true) await (await import('./demo-all.ts')).demoAll(command, stop);
    else await demoOne(command, stop);
    return 0;
  } finally {
    stop.release();
  }
}
