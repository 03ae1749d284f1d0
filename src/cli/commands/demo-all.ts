import type { Command } from 'commander';
import { type BluebricksApi, startBluebricks } from '../../demo/bluebricks/server.ts';
import { type IdentApi, startIdent } from '../../demo/ident/server.ts';
import { type JitsudoApi, startJitsudo } from '../../demo/jitsudo/server.ts';
import { makePerson, type Person } from '../../demo/local/people.ts';
import { randomFrom } from '../../demo/local/random.ts';
import { type PylonApi, startPylon } from '../../demo/pylon/server.ts';
import { makeWorld } from '../../demo/pylon/world.ts';
import { askAndShow, type DemoFiles, FOLDER, type Question, syncAndShow, writeDemo } from '../demo-stage.ts';
import { globalsOf } from '../globals.ts';
import { print } from '../print.ts';
import type { Stop } from '../stop.ts';
import { configOf } from '../workplace.ts';

const PEOPLE = 400;
const SEED = 11;

const QUESTIONS: readonly Question[] = [
  [
    'Who has an admin role anywhere?',
    "select email, string_agg(connection, ', ' order by connection) as admin_in from user_roles where lower(coalesce(role_slug, role_name)) = 'admin' group by email order by count(*) desc, email limit 8",
  ],
  [
    'Who is suspended in one system and active in another?',
    "select here.email, here.connection as suspended_in, string_agg(there.connection, ', ' order by there.connection) as still_in from users here join current_users there on there.email = here.email and there.connection <> here.connection where here.active = false and coalesce(there.active, true) group by here.email, here.connection order by here.email limit 8",
  ],
  [
    'How many accounts do people have?',
    'select account_count as accounts, count(*) as people from people group by account_count order by account_count',
  ],
];

/** The systems of one company: the same people have accounts in some of them. */
interface Company {
  readonly support: PylonApi;
  readonly product: IdentApi;
  readonly infra: BluebricksApi;
  readonly staff: JitsudoApi;
}

async function startPylonOf(people: readonly Person[]): Promise<PylonApi> {
  const world = makeWorld(0, SEED);
  for (const { first, last, email } of people) world.add({ name: `${first} ${last}`, email, emails: [email] });
  return startPylon({ world });
}

async function startCompany(): Promise<Company> {
  const random = randomFrom(SEED);
  const people = Array.from({ length: PEOPLE }, (_, index) => makePerson(random, index));
  const some = (from: number, to: number) => {
    const chosen = people.slice(from, to);
    return { users: chosen.length, people: chosen, seed: SEED };
  };
  const [support, product, infra, staff] = await Promise.all([
    startPylonOf(people.slice(0, 250)),
    startIdent(some(50, 400)),
    startBluebricks({ ...some(100, 180), shape: 'total' }),
    startJitsudo(some(0, 320)),
  ]);
  return { support, product, infra, staff };
}

const files = ({ support, product, infra, staff }: Company): DemoFiles => ({
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: references of the config, resolved from .env beside it
  connections: [
    `support: { source: pylon, base_url: "${support.url}", token: "\${PYLON_TOKEN}" }`,
    `product: { source: ident, base_url: "${product.url}", refresh_token: "\${IDENT_REFRESH_TOKEN}" }`,
    `infra: { source: bluebricks, base_url: "${infra.url}", token: "\${BLUEBRICKS_KEY}" }`,
    `staff: { source: jitsudo, base_url: "${staff.url}", tenant_id: ${staff.world.tenantId}, api_key: "\${JITSUDO_KEY}" }`,
  ],
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: references of the config, resolved from .env beside it
  secrets: {
    PYLON_TOKEN: support.token,
    IDENT_REFRESH_TOKEN: product.refreshToken,
    BLUEBRICKS_KEY: infra.token,
    JITSUDO_KEY: staff.apiKey,
  },
});

/** What happens in a company between two syncs. */
function changeSome({ support, product, infra, staff }: Company): string {
  const staffed = staff.world.users().filter(({ active }) => active);
  for (const { id } of staffed.slice(100, 103)) staff.world.change(id, { active: false });
  const [leaver, married] = product.world.users();
  if (leaver !== undefined) product.world.remove(leaver.id);
  if (married !== undefined) product.world.change(married.id, { last_name: `${married.last_name}-Lee` });
  const admin = infra.world.roles().find(({ name }) => name === 'Admin');
  const admins = new Set(staff.world.users().flatMap(({ email, roles }) => (roles.includes('admin') ? [email] : [])));
  const member = infra.world.members().find(({ email }) => admins.has(email));
  if (admin !== undefined && member !== undefined) infra.world.change(member.id, { roles: [admin] });
  support.world.add({
    name: 'Robin Newcomer',
    email: 'robin.newcomer@acme.test',
    emails: ['robin.newcomer@acme.test'],
  });
  return '3 people were suspended in JITSudo, 1 left Ident and 1 was renamed there, 1 became admin in Bluebricks, 1 joined Pylon';
}

/** `rollcall demo --all`: the four systems side by side in one warehouse, and questions that need all of them. */
export async function demoAll(command: Command, stop: Stop): Promise<void> {
  const given = globalsOf(command);
  const globals = { ...given, quiet: given.quiet || process.stderr.isTTY !== true };
  const say = (line: string): void => {
    if (!globals.json) print(line);
  };
  const company = await startCompany();
  try {
    const showing = { config: await configOf(writeDemo(files(company))), globals, stop };
    const syncAll = async (): Promise<void> => {
      for (const name of showing.config.connections.keys()) await syncAndShow(showing, name);
    };
    say(`Pylon, Provide Ident, Bluebricks and JITSudo run on this machine; the files are in ./${FOLDER}/\n`);
    say('First sync of each:');
    await syncAll();
    say(`\nMeanwhile: ${changeSome(company)}.\n\nSecond sync of each:`);
    await syncAll();
    await askAndShow(showing, QUESTIONS);
    say(`\nAsk your own: rollcall query --config ${FOLDER}/rollcall.yaml "select * from people limit 5"`);
  } finally {
    await Promise.all(Object.values(company).map((api) => api.close()));
  }
}
