// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { json, type Row } from '../support/cli.ts';
import { type CrewboardApi, startCrewboard } from '../support/crewboard.ts';
import { type Connected, makePlace, type Place } from '../support/places.ts';

const EXAMPLE = readFileSync(fileURLToPath(new URL('../../examples/crewboard-source.ts', import.meta.url)), 'utf8');
const PAGE = readFileSync(fileURLToPath(new URL('../../docs/sources/own.md', import.meta.url)), 'utf8');

const running: CrewboardApi[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()));
});

async function crewboard(users = 230): Promise<CrewboardApi> {
  const api = await startCrewboard(users);
  running.push(api);
  return api;
}

/** A place whose connection `crew` has the file as its source. */
function placeOf(api: CrewboardApi, text: string, { file = './my-source.ts', ...more }: Connected = {}): Place {
  const place = makePlace(
    { crew: { source: file, base_url: api.url, token: '${CREW}', ...more } },
    { CREW: api.token },
  );
  mkdirSync(join(place.folder, 'sources'));
  writeFileSync(join(place.folder, file), text);
  return place;
}

describe('the example', () => {
  test('has under sixty lines, and stands in the documents as it is', () => {
    expect(EXAMPLE.trimEnd().split('\n').length).toBeLessThan(60);
    expect(PAGE).toContain(`\`\`\`ts\n${EXAMPLE}\`\`\``);
  });

  test.each(['./my-source.ts', './sources/crew.ts'])(
    'works as %s beside the configuration, in a folder of its own',
    async (file) => {
      const api = await crewboard();
      const place = placeOf(api, EXAMPLE, { file });
      const run = await place.sync('crew');
      expect(run).toMatchObject({ code: 0, outcome: 'ok', inserted: 230, pages: 3 });
      expect(run.stderr).not.toMatch(/warning/i);
      const [, second] = api.people;
      const sql = 'select name, email, team, active, epoch_us(created_at) as at from crewboard_users where user_id = ';
      expect(await place.rows(`${sql}'${second?.id}'`)).toEqual([
        {
          name: 'Person 1',
          email: 'person.1@acme.test',
          team: 'Bar',
          active: true,
          at: Date.parse('2025-12-31T22:00:01Z') * 1000,
        },
      ]);
      expect(await place.sync('crew')).toMatchObject({ outcome: 'ok', unchanged: 230, statements: 0 });
    },
  );

  test('marks who is gone when the API says so, and nobody when a gateway does', async () => {
    const api = await crewboard();
    const place = placeOf(api, EXAMPLE);
    await place.sync('crew');
    api.people[7] = null;
    const gateway = { kind: 'body', status: 404, body: '{"message":"no route matched"}' } as const;
    const fault = api.faults.add({ when: { path: '/people/{id}' }, answer: gateway, times: Number.POSITIVE_INFINITY });
    expect(await place.sync('crew')).toMatchObject({ outcome: 'refused', deleted: 0 });
    fault.remove();
    expect(await place.sync('crew')).toMatchObject({ outcome: 'ok', deleted: 1 });
  });

  test('works whatever the package.json beside it says, and imports a file beside it', async () => {
    const api = await crewboard(3);
    const text = EXAMPLE.replace("text(raw, 'name')", "shout(text(raw, 'name'))");
    const place = placeOf(api, `import { shout } from './shout.ts';\n${text}`);
    writeFileSync(join(place.folder, 'package.json'), '{"type":"commonjs"}');
    writeFileSync(
      join(place.folder, 'shout.ts'),
      'export const shout = (name: string | null): string => `${name}!`;\n',
    );
    expect(await place.sync('crew')).toMatchObject({ outcome: 'ok', inserted: 3 });
    expect(await place.rows("select name from users where user_id = 'p1'")).toEqual([{ name: 'Person 1!' }]);
  });

  test('may be JavaScript, and may leave out all but a listing and a mapping', async () => {
    const api = await crewboard(25);
    const small = `
      import { defineSource, wholeList, z } from 'rollcall/source';
      export default defineSource({
        name: 'tiny',
        options: z.object({ base_url: z.url(), token: z.string().meta({ secret: true }) }),
        api: ({ base_url, token }) => ({ base: base_url, headers: { authorization: 'Bearer ' + token } }),
        reader: (_options, io) => ({
          async *list() {
            const { body } = await io.send({ call: 'list', endpoint: 'GET /people', path: '/people', query: { limit: 99 } });
            yield { records: body.people, resume: null, last: true, active: null };
          },
        }),
        user: (raw) => ({ user_id: String(raw.id), email: raw.mail }),
      });`;
    const place = placeOf(api, small, { file: './tiny.mjs' });
    expect(await place.sync('crew')).toMatchObject({ outcome: 'ok', inserted: 25 });
    api.people[3] = null;
    expect(await place.sync('crew')).toMatchObject({ outcome: 'ok', deleted: 0, kept: { unproven: 1 } });
    place.connect({ crew: { source: './tiny.mjs', base_url: api.url, token: '${CREW}', deletes: '{ proof: scans }' } });
    expect(await place.sync('crew')).toMatchObject({ outcome: 'ok', deleted: 1 });
    const { stdout } = await place.run([
      'query',
      '--json',
      "select email, emails, roles, account from tiny_users join rollcall_state using (connection) where user_id = 'p1'",
    ]);
    expect(json<Row[]>(stdout)).toEqual([
      { email: 'person.1@acme.test', emails: ['person.1@acme.test'], roles: [], account: '127.0.0.1' },
    ]);
  });
});

describe('a file that is no source is refused with what is wrong', () => {
  const wrong: readonly [what: string, text: string | null, words: RegExp][] = [
    ['is not there', null, /there is no file .*nowhere\.ts/],
    ['does not parse', 'export default {', /cannot be loaded/],
    ['needs more than its types taken out', 'enum A { B }\nexport default A;', /cannot be loaded: .*enum/],
    ['imports what is not there', "import 'not-there';", /cannot be loaded: .*not-there/],
    ['throws', "throw new Error('no luck');", /cannot be loaded: no luck/],
    ['exports nothing', 'export const x = 1;', /has no source as its default export/],
    [
      'exports half a source',
      "export default { name: 'My Source' };",
      /name must be small letters.*options must be a zod schema.*user must be a function/,
    ],
    ['takes the name of a shared view', EXAMPLE.replace("'crewboard'", "'current'"), /name is taken: current_users/],
    [
      'has a field with a column of ours',
      EXAMPLE.replace("column: 'team'", "column: 'user_id'"),
      /fields must each have a column of its own, and none of connection, user_id/,
    ],
    ['takes a name of ours', EXAMPLE.replace("'crewboard'", "'pylon'"), /a name of Rollcall's own/],
  ];
  test.each(wrong)('%s', async (_what, text, words) => {
    const api = await crewboard(1);
    const place = placeOf(api, text ?? '', { file: './some.ts' });
    if (text === null) place.connect({ crew: { source: './nowhere.ts', base_url: api.url } });
    const { code, stderr } = await place.run(['sync']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/connections\.crew\.source: /);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/^ {2,}at /m);
  });

  test('and its own options are checked like ours: secrets by reference, unknown keys by name', async () => {
    const api = await crewboard(1);
    const { stderr, code } = await placeOf(api, EXAMPLE, { token: 'plain-text', tokn: 'x' }).run(['sync']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/crew\.token: is a secret and must not stand in the file/);
    expect(stderr).toMatch(/crew\.tokn: is no setting here/);
    expect(stderr).not.toContain('plain-text');
  });
});
