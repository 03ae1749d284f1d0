// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { describe, expect, it } from 'vitest';
import { load, problemsOf, withConnection } from './config.fixture.ts';

describe('a refusal', () => {
  it('reports every problem at once, one a line, by path', async () => {
    const yaml = [
      'warehouse: { type: file }',
      'worker: { concurrency: 0, http: { port: 70000 } }',
      'queue: { url: "http://here" }',
      'connections:',
      '  support:',
      '    source: people',
      '    token: ${MISSING}',
      '    region: mars',
      '    limits: { list: -1, get: 1.5, search: many }',
      '    deletes: { max_ratio: 2, mode: none }',
      '    schedule: "* * *"',
      '  Bad-Name: { source: peple, timezone: Mars/Base }',
    ];
    expect(await problemsOf(yaml.join('\n'))).toEqual([
      'warehouse.path: is missing',
      'queue.url: must be embedded, or begin with redis://, rediss:// or postgres://',
      'worker.concurrency: must be 1 or more',
      'worker.http.port: must be 65535 or less',
      expect.stringMatching(/^connections\.support\.token: the variable MISSING is not set: .*\.env$/),
      'connections.support.region: must be us or eu',
      'connections.support.schedule: has 3 fields: write five (minute hour day month weekday), or six with seconds first',
      'connections.support.limits.list: must be 0 or more',
      'connections.support.limits.get: must be a whole number, not a number with a fraction',
      'connections.support.limits.search: must be a number, not text',
      'connections.support.deletes.mode: must be soft, hard or ignore',
      'connections.support.deletes.max_ratio: must be 1 or less',
      expect.stringMatching(/^connections\.Bad-Name: is no name for a connection: write a small letter/),
      'connections.Bad-Name.source: must be people',
      expect.stringMatching(/^connections\.Bad-Name\.timezone: is no time zone/),
    ]);
  });

  it('says how many there are and in which file', async () => {
    const attempt = load('warehouse: { type: file }\n');
    await expect(attempt).rejects.toThrow(/^\/.*rollcall\.yaml has 2 problems:\n {2}warehouse\.path: /);
  });

  it('is a single line for a single problem', async () => {
    const attempt = load(withConnection('    regoin: us'));
    await expect(attempt).rejects.toThrow(
      /^\/.*rollcall\.yaml: connections\.support\.regoin: is no setting here; did you mean region\?$/,
    );
  });

  it.each([
    ['an empty file', ''],
    ['a list', '- a\n'],
    ['plain text', 'hello'],
  ])('tells what the file must be when it is %s', async (_, yaml) => {
    expect(await problemsOf(yaml)).toEqual([
      'the file: must be a mapping with warehouse and connections; `rollcall init` writes an example',
    ]);
  });

  it('tells what is missing when sections are', async () => {
    expect(await problemsOf('worker: {}\n')).toEqual([
      'warehouse: is missing: write it with type: and its settings',
      'connections: is missing: write one key for each connection, or {} for none',
    ]);
    expect(await problemsOf('warehouse: file\nconnections: { support: }\n')).toEqual([
      'warehouse: must be a mapping of keys to values: write it with type: and its settings',
      'connections.support: is empty: write it with source: and its settings',
    ]);
  });

  it('reports a rule of the warehouse over several options', async () => {
    const problems = await problemsOf('warehouse: { type: cloud, account: a }\nconnections: {}\n');
    expect(problems).toEqual(['warehouse: needs a password or a key']);
  });

  it('does not take names of the language for sources', async () => {
    const yaml = 'warehouse: { type: constructor }\nconnections: { a: { source: toString } }\n';
    expect(await problemsOf(yaml)).toEqual([
      'warehouse.type: must be file or cloud',
      'connections.a.source: must be people',
    ]);
  });
});

describe('a value', () => {
  it.each([
    ['worker: { http: true }', 'worker.http: must be false, or host and port'],
    ['worker: { http: { host: 1 } }', 'worker.http.host: must be text, not a whole number'],
    ['worker: { spread: }', 'worker.spread: has no value'],
    ['worker: []', 'worker: must be a mapping of keys to values, not a list'],
    ['alerts: { webhook: "ftp://a.example" }', 'alerts.webhook: must be a URL that begins with https:// or http://'],
    ['    archived: "yes"', 'connections.support.archived: must be true or false, not text'],
    ['    columns: { exclude: email }', 'connections.support.columns.exclude: must be a list, not text'],
    [
      '    columns: { exclude: [email, 7] }',
      'connections.support.columns.exclude[1]: must be text, not a whole number',
    ],
    ['    labels: { a b: 1 }', 'connections.support.labels."a b": must be text, not a whole number'],
    ['state: { dir: "" }', 'state.dir: must not be empty'],
    ['queue: { url: nonsense }', 'queue.url: must be embedded, or begin with redis://, rediss:// or postgres://'],
    [
      'queue: { url: "redis://127.0.0.1:99999" }',
      expect.stringMatching(/^queue\.url: is no URL: look at host and port/),
    ],
  ])('of the wrong kind is refused by its path: %s', async (line, problem) => {
    expect(await problemsOf(withConnection(line))).toEqual([problem]);
  });
});

describe('unknown keys', () => {
  it.each([
    ['    shedule: "0 * * * *"', 'connections.support.shedule: is no setting here; did you mean schedule?'],
    ['    baseUrl: https://a.example', 'connections.support.baseUrl: is no setting here; did you mean base_url?'],
    [
      '    deletes: { max-ratio: 0.1 }',
      'connections.support.deletes.max-ratio: is no setting here; did you mean max_ratio?',
    ],
    ['    login: { user: u, usr: u }', 'connections.support.login.usr: is no setting here; did you mean user?'],
    ['worker: { http: { prot: 1 } }', 'worker.http.prot: is no setting here; did you mean port?'],
    ['conections: {}', 'conections: is no setting here; did you mean connections?'],
    ['quue: {}', 'quue: is no setting here; did you mean queue?'],
    ['alerts: { zzz: 1 }', 'alerts.zzz: is no setting here; known are stale_after, webhook'],
    [
      '"a b": 1',
      expect.stringMatching(/^"a b": is no setting here; known are alerts, connections, queue, retention, state/),
    ],
    ['__proto__: { x: 1 }', expect.stringMatching(/^__proto__: is no setting here/)],
  ])('are refused with what was probably meant: %s', async (line, problem) => {
    expect(await problemsOf(withConnection(line))).toEqual([problem]);
  });

  it('are not reported a second time as a missing key', async () => {
    const yaml = 'warehouse: { type: file, pth: w.db }\nconnections: {}\n';
    expect(await problemsOf(yaml)).toEqual(['warehouse.pth: is no setting here; did you mean path?']);
  });
});

describe('YAML that cannot be read', () => {
  it.each([
    ['worker: {}\nworker: {}\n', 'line 2, column 1: this key is written twice in the same mapping'],
    ['a: 1\n\tb: 2\n', 'line 2, column 1: Tabs are not allowed as indentation'],
    ['a: 1\n---\nb: 2\n', 'line 2, column 1: a second document begins here; the configuration is one document'],
    ['a: *name\n', 'line 1, column 4: this alias names no anchor above it; a value that begins with * needs quotes'],
    ['a: &a { b: *a }\n', 'line 1, column 12: this alias stands inside of what it names'],
    ['a: !mine 1\n', 'line 1, column 4: unknown tag; a value that begins with ! needs quotes'],
    ['a: {{ b }}\n', 'line 1, column 5: a key must be plain text; a value that begins with { or [ needs quotes'],
  ])('is refused with line and column: %j', async (yaml, problem) => {
    expect(await problemsOf(yaml)).toEqual([problem]);
  });

  it('has a hint when a reference in a flow mapping lacks its quotes', async () => {
    const yaml = 'connections:\n  a: { source: people, token: ${TOKEN} }\n';
    const [problem] = await problemsOf(yaml);
    expect(problem).toMatch(/^line 2, column \d+: .*needs quotes, for example \{ token: "\$\{NAME\}" \}\)$/);
  });

  it('is reported for each faulty line', async () => {
    expect(await problemsOf('a: 1\na: 2\nb: 1\nb: 2\n')).toHaveLength(2);
  });

  it.each([
    'a: "x" hunter2',
    'a: |hunter2\n  x',
    'a: "\\hunter2"',
    '} hunter2',
    'a: @hunter2',
    'a: *hunter2',
    'a: !hunter2',
  ])('is not repeated in the message: %s', async (yaml) => {
    expect((await problemsOf(yaml)).join()).not.toMatch(/hunter2|\\h/);
  });

  it('may not multiply its aliases without end', async () => {
    const ten = (name: string): string => `[${Array.from({ length: 10 }, () => name).join(', ')}]`;
    const yaml = `a: &a ${ten('1')}\nb: &b ${ten('*a')}\nc: &c ${ten('*b')}\nd: ${ten('*c')}\n`;
    expect(await problemsOf(yaml)).toEqual(['the aliases of this file multiply to too many values']);
  });
});

describe('schedules', () => {
  it.each(['*/15 * * * *', '0 0 1,15 * MON-FRI', '30 0 0 L * ?', '  0 9 * * 1#2 '])('may be %j', async (schedule) => {
    const config = await load(withConnection(`    schedule: "${schedule}"`));
    expect(config.connections.get('support')?.schedule).toBe(schedule);
  });

  it.each([
    ['* * * * * * *', /has 7 fields/],
    ['hourly', /has 1 field:/],
    [' ', /is empty/],
    ['* * * * $', /field 5/],
  ])('may not be %j', async (schedule, problem) => {
    const [found] = await problemsOf(withConnection(`    schedule: "${schedule}"`));
    expect(found).toMatch(problem);
  });
});

describe('column rules', () => {
  it.each(['profile.id', 'profile'])('may not exclude or hash the id (%s)', async (path) => {
    const rules = `    columns: { exclude: [${path}], hash: ["${path}"], hash_key: "\${TOKEN}" }`;
    const problem = "names the user's id (profile.id), which is the key of the row and stays";
    expect(await problemsOf(withConnection(rules))).toEqual([
      `connections.support.columns.exclude[0]: ${problem}`,
      `connections.support.columns.hash[0]: ${problem}`,
    ]);
  });

  it('may name neighbours of the id', async () => {
    const config = await load(withConnection('    columns: { exclude: [profile.id_card, id, profile.identity] }'));
    expect(config.connections.get('support')?.columns.exclude).toHaveLength(3);
  });

  it('need a key to hash with', async () => {
    expect(await problemsOf(withConnection('    columns: { hash: [email] }'))).toEqual([
      'connections.support.columns.hash_key: is missing: columns.hash needs a key',
    ]);
  });

  it.each(['email', 'email.value'])('may not hash %s, of which nothing is left', async (path) => {
    const rules = `    columns: { exclude: [email], hash: [${path}], hash_key: "\${TOKEN}" }`;
    expect(await problemsOf(withConnection(rules))).toEqual([
      'connections.support.columns.hash[0]: cannot be hashed and excluded too (columns.exclude names email): keep one of the two',
    ]);
  });

  it.each(['.a', 'a.', 'a..b', ''])('refuse %j as a path', async (path) => {
    const problems = await problemsOf(withConnection(`    columns: { exclude: ["${path}"] }`));
    expect(problems).toEqual([
      'connections.support.columns.exclude[0]: must be a path of the record, such as profile.phone',
    ]);
  });
});
