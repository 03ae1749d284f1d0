// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasReference, resolveReferences } from '../../config/secrets.ts';
import { folderWith, load, problemsOf, withConnection } from './config.fixture.ts';

const around = {
  folder: '/nowhere',
  variables: new Map([
    ['A', 'one'],
    ['B_2', 'two'],
    ['NESTED', '${A}'],
  ]),
};

describe('references', () => {
  it.each([
    ['${A}', 'one'],
    ['x-${A}-${B_2}-y', 'x-one-two-y'],
    ['$${A}', '${A}'],
    ['$$${A}', '$${A}'],
    ['$A {A} $', '$A {A} $'],
    ['${NESTED}', '${A}'],
    ['', ''],
  ])('%j reads as %j', (given, text) => {
    expect(resolveReferences(given, around)).toMatchObject({ text, problems: [] });
  });

  it.each(['${}', '${A', '${A B}', '${a-b}', '${A:-x}', '${ A }', 'x ${'])(
    '%j is refused without showing it',
    (given) => {
      const { problems } = resolveReferences(given, around);
      expect(problems).toEqual([expect.stringContaining('has a "${" that begins no reference')]);
    },
  );

  it('reports each of several that fail', () => {
    const { problems } = resolveReferences('${NO}${A}${file:gone}', around);
    expect(problems).toEqual([
      'the variable NO is not set: set it in the environment or in /nowhere/.env',
      'the file /nowhere/gone cannot be read: there is no such file',
    ]);
  });

  it('finds no variable in what every object has', () => {
    expect(resolveReferences('${constructor}', around).problems).toHaveLength(1);
  });

  it('counts an escape as no reference', () => {
    expect(['${A}', 'x${file:y}', '$${A}', 'plain'].map(hasReference)).toEqual([true, true, false, false]);
  });
});

describe('files', () => {
  it.each([
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    ['secret\n\n', 'secret\n'],
    [' se cret', ' se cret'],
  ])('lose one line break at their end: %j', (content, text) => {
    const folder = folderWith({ 'keys/a': content });
    expect(resolveReferences('${file:keys/a}', { folder, variables: new Map() }).text).toBe(text);
  });

  it('may be named by an absolute path', () => {
    const path = join(folderWith({ key: 'k' }), 'key');
    expect(resolveReferences(`\${file:${path}}`, around)).toMatchObject({ text: 'k', fromFiles: ['k'] });
  });

  it('are refused when empty, a folder or not named', () => {
    const folder = folderWith({ empty: '\n', 'sub/a': '' });
    const { problems } = resolveReferences('${file:empty}${file:sub}${file:}', { folder, variables: new Map() });
    expect(problems).toEqual([
      `the file ${folder}/empty is empty: write the secret into it`,
      `the file ${folder}/sub cannot be read: it is a folder`,
      'names no file: write ${file:/run/secrets/name}',
    ]);
  });
});

describe('secrets in a configuration', () => {
  it('may not be literal, and the message says how to write them without showing them', async () => {
    const lines = withConnection('    login: { user: u, password: 12345678 }').replace('${TOKEN}', 'hunter2-hunter2');
    const problems = await problemsOf(lines);
    expect(problems).toEqual([
      'connections.support.token: is a secret and must not stand in the file: write token: "${SUPPORT_TOKEN}" and set SUPPORT_TOKEN in the environment or in .env, or write "${file:/run/secrets/token}"',
      expect.stringMatching(/^connections\.support\.login\.password: is a secret .*"\$\{SUPPORT_LOGIN_PASSWORD\}"/),
    ]);
    expect(problems.join()).not.toMatch(/hunter2|12345678/);
  });

  it('may not be literal in the password of any URL', async () => {
    const yaml = withConnection('queue: { url: "redis://user:hunter2@cache:6379" }');
    expect(await problemsOf(yaml)).toEqual([
      'queue.url: has a password in it: write the password as ${NAME} or ${file:path}',
    ]);
  });

  it('are not taken for a password in the path of a URL', async () => {
    const config = await load(withConnection('    base_url: https://host:8080/a@b'));
    expect(config.connections.get('support')?.options).toMatchObject({ base_url: 'https://host:8080/a@b' });
  });

  it('that are set but empty are a problem', async () => {
    expect(await problemsOf(withConnection(''), { env: { TOKEN: ' ' } })).toEqual([
      expect.stringMatching(/^connections\.support\.token: the variable TOKEN is empty: set it/),
    ]);
  });

  it('of the wrong form are refused by path and never shown', async () => {
    const problems = await problemsOf(withConnection('    base_url: ${URL}'), {
      env: { TOKEN: 'shorty', URL: 'no-url' },
    });
    expect(problems).toEqual([
      'connections.support.token: must have 8 characters or more',
      'connections.support.base_url: must be a URL such as https://host/path',
    ]);
  });

  it('are taken out of what a warehouse says of them', async () => {
    const yaml = 'warehouse: { type: cloud, account: "a/${PW}", password: "${PW}" }\nconnections: {}\n';
    expect(await problemsOf(yaml, { env: { PW: 'hunter2' } })).toEqual(['warehouse: [secret] is part of the account']);
  });

  it('are listed for redaction, longest first, and nothing else is', async () => {
    const yaml = withConnection(
      [
        '    region: ${REGION}',
        '    login: { user: "${USER}", password: "pre-${file:pw}" }',
        '    columns: { hash: [email], hash_key: "${KEY}" }',
        'queue: { url: "redis://:${REDIS}@cache" }',
        'alerts: { webhook: https://hooks.example/T0/secret }',
      ].join('\n'),
    );
    const env = { REGION: 'eu', USER: 'somebody', KEY: 'kk', REDIS: 'p%40ss' };
    const config = await load(yaml, { env, files: { pw: 'from-file\n' } });
    expect(config.secrets).toEqual([
      'https://hooks.example/T0/secret',
      'redis://:p%40ss@cache',
      'token-of-the-tests',
      'pre-from-file',
      'from-file',
      'p%40ss',
      'p@ss',
      'kk',
    ]);
  });

  it('are listed when a whole URL comes from a variable', async () => {
    const config = await load(withConnection('queue: { url: "${QUEUE}" }'), {
      env: { QUEUE: 'postgres://u:s3cr3t@db/q' },
    });
    expect(config.secrets).toContain('s3cr3t');
  });
});

describe('references where no text belongs', () => {
  it('are read as the number or the switch that is asked for', async () => {
    const yaml = withConnection('    retries: ${N}\n    archived: ${YES}\nworker: { http: { port: "${PORT}" } }');
    const config = await load(yaml, { env: { N: '7', YES: 'true', PORT: '8080' } });
    expect(config.connections.get('support')?.options).toMatchObject({ retries: 7, archived: true });
    expect(config.worker.http).toEqual({ host: '127.0.0.1', port: 8080 });
  });

  it('are refused when they stand for something else', async () => {
    expect(await problemsOf(withConnection('    retries: ${N}'), { env: { N: 'seven' } })).toEqual([
      'connections.support.retries: must be a number, not text',
    ]);
  });

  it('do not turn a quoted literal into a number', async () => {
    expect(await problemsOf(withConnection('    retries: "7"'))).toEqual([
      'connections.support.retries: must be a number, not text',
    ]);
  });
});
