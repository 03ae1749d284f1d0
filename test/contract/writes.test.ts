import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/json.ts';
import type { Refs } from '../../src/contract/refs.ts';
import type { Changes, Setting, Target, Writes } from '../../src/contract/writes.ts';
import { bluebricks } from '../../src/sources/bluebricks.ts';
import { bluebricksWrites } from '../../src/sources/bluebricks-writes.ts';
import { failure } from '../../src/sources/ident-words.ts';
import { pylonWrites } from '../../src/sources/pylon-writes.ts';
import { sources } from '../../src/sources/registry.ts';

const role = (id: string, name: string, slug: string | null) => [id, { id, name, slug, raw: { id, name } }] as const;
const REFS: Refs = {
  roles: new Map([role('r1', 'Admin', 'admin'), role('r2', 'Member', 'member'), role('r3', 'Viewer', null)]),
  teams: new Map(),
};

/** A user of each source, with an id that a path must not carry as it is. */
const ID = 'prov0|9001/a?b#c';
const USERS: Readonly<Record<string, JsonObject>> = {
  pylon: { id: ID, name: 'Ada', role_id: 'r2', status: 'active' },
  ident: { id: ID, name: 'Lin Okafor', first_name: 'Lin', last_name: 'Okafor', email: 'Lin@prvd.test' },
  bluebricks: { id: ID, name: 'Sam', email: 'sam@acme.test', roles: [{ id: 'r2', name: 'Member', description: '' }] },
  jitsudo: { id: ID, name: 'Kai', roles: ['user'], auth_provider: 'local', active: true },
};

/** A value that changes each field of the users above. */
const VALUES: Readonly<Record<string, Setting['value']>> = {
  role: 'admin',
  role_id: 'r1',
  status: 'away',
  email: 'new@prvd.test',
  first_name: 'Ann',
  last_name: 'Smith',
  password: 'swordfish',
  roles: ['Admin'],
  name: 'Kim',
  active: false,
};

const writing = Object.entries(sources).flatMap(([name, { writes }]) =>
  writes === undefined ? [] : [{ name, writes }],
);

function target(name: string, settings: readonly Setting[], op: Target['op'] = 'update'): Target {
  const creates = op === 'create';
  return { op, id: creates ? null : ID, raw: creates ? null : (USERS[name] ?? {}), settings, refs: REFS };
}

const setting = (field: string, add = false): Setting => ({ field, value: VALUES[field] ?? '', add });

function changes(writes: Writes, asked: Target): Changes {
  return Object.fromEntries(asked.settings.map((one) => [one.field, writes.change(one, asked)]));
}

test('all four systems can be written to, each in the ways that it documents', () => {
  expect(Object.fromEntries(writing.map(({ name, writes }) => [name, writes.ops]))).toEqual({
    pylon: ['update'],
    ident: ['create', 'update', 'delete'],
    bluebricks: ['update'],
    jitsudo: ['update', 'delete'],
  });
});

describe.each(writing)('$name', ({ name, writes }) => {
  test('every field has a value that changes the user, and its own doc', () => {
    for (const { name: field, kind, doc } of writes.fields) {
      const asked = target(name, [setting(field)]);
      if (kind !== 'secret') {
        const [before, after] = writes.change(setting(field), asked);
        expect(after, field).not.toEqual(before);
      }
      expect(doc.length, field).toBeGreaterThan(5);
    }
  });

  test('each step is a write to one user, his id percent-encoded and never in the body', () => {
    for (const op of writes.ops.filter((one) => one !== 'create')) {
      const fields = writes.fields.filter(({ ops, sets }) => ops.includes(op) && sets === undefined);
      const asked = target(name, op === 'delete' ? [] : fields.map((field) => setting(field.name)), op);
      const steps = writes.steps(asked, op === 'delete' ? {} : changes(writes, asked));
      expect(steps.length).toBeGreaterThan(0);
      for (const { request } of steps) {
        expect(request.call).toBe('write');
        expect(request.path).toContain(encodeURIComponent(ID));
        expect(request.path).not.toContain('|');
        expect(JSON.stringify(request.body ?? {})).not.toContain(ID);
        expect(Object.keys(request.body ?? {})).not.toContain('id');
      }
      const covered = steps.flatMap((step) => step.fields).toSorted();
      expect(covered).toEqual(op === 'delete' ? [] : fields.map((field) => field.name).toSorted());
    }
  });

  test('only the fields that change are in the steps', () => {
    const first = writes.fields.find(({ kind, ops }) => kind !== 'secret' && ops.includes('update'));
    const asked = target(name, [setting(first?.name ?? '')]);
    const steps = writes.steps(asked, changes(writes, asked));
    expect(steps.flatMap((step) => step.fields)).toEqual([first?.name]);
  });

  test('an answer that shows nobody, or somebody else, is not accepted where an answer shows the user', () => {
    const shows = writes.fields.filter(({ kind, ops }) => kind !== 'secret' && ops.includes('update')).slice(0, 1);
    const asked = target(
      name,
      shows.map((field) => setting(field.name)),
    );
    for (const step of writes.steps(asked, changes(writes, asked))) {
      for (const body of [null, [], {}, { id: 'somebody' }, { data: { id: 'somebody' } }, { errors: ['no'] }])
        expect(step.accepts({ status: 200, headers: {}, body }), JSON.stringify(body)).toBe(false);
    }
  });
});

describe('bodies', () => {
  const bodies = (name: string, settings: readonly Setting[], op: Target['op'] = 'update') => {
    const writes = sources[name]?.writes;
    if (writes === undefined) throw new Error(`${name} cannot be written to`);
    const asked = target(name, settings, op);
    return writes.steps(asked, changes(writes, asked)).map(({ request }) => [request.method, request.body]);
  };

  test('of Pylon name the role by its id, however it was asked for', () => {
    for (const value of ['admin', 'r1', 'Admin'])
      expect(bodies('pylon', [{ field: 'role', value, add: false }])).toEqual([['PATCH', { role_id: 'r1' }]]);
  });

  test('of Ident hold what was asked for and nothing else', () => {
    expect(bodies('ident', [setting('email'), setting('password')])).toEqual([
      ['PUT', { email: 'new@prvd.test', password: 'swordfish' }],
    ]);
    expect(bodies('ident', [setting('email')], 'create')).toEqual([['POST', { email: 'new@prvd.test' }]]);
  });

  test('of Bluebricks replace the roles, or add to them', () => {
    expect(bodies('bluebricks', [setting('roles')])).toEqual([['POST', { roles: ['r1'] }]]);
    expect(bodies('bluebricks', [setting('roles', true)])).toEqual([['POST', { roles: ['r1'], add: true }]]);
  });

  test('of JITSudo carry name and roles together, and suspend in a request of its own', () => {
    expect(bodies('jitsudo', [setting('roles', true)])).toEqual([['PUT', { name: 'Kai', roles: ['user', 'Admin'] }]]);
    expect(bodies('jitsudo', [setting('name'), setting('active')])).toEqual([
      ['PUT', { name: 'Kim', roles: ['user'] }],
      ['POST', { active: false }],
    ]);
  });
});

describe('roles', () => {
  const two: Refs = { roles: new Map([role('r1', 'Ops', null), role('r2', 'Ops', null)]), teams: new Map() };
  const asked = (value: readonly string[], add = false): Target => ({
    ...target('bluebricks', [{ field: 'roles', value, add }]),
    raw: { id: ID, roles: [{ id: 'r1', name: 'Ops' }] },
    refs: two,
  });

  test('of Bluebricks that share a name are shown by id, so that one is not taken for the other', () => {
    const setting: Setting = { field: 'roles', value: ['r2', 'Solo'], add: false };
    const three: Refs = { ...two, roles: new Map([...two.roles, role('r3', 'Solo', null)]) };
    const raw = { id: ID, roles: [{ id: 'r1' }, { id: 'r3' }] };
    expect(bluebricksWrites.change(setting, { ...asked([]), refs: three, raw })).toEqual([
      ['r1', 'Solo'],
      ['r2', 'Solo'],
    ]);
  });

  test('in an answer of Bluebricks are those asked for, or it is none', () => {
    const answer = (...ids: string[]) => ({
      status: 200,
      headers: {},
      body: { id: ID, roles: ids.map((id) => ({ id })) },
    });
    const [replaces] = bluebricksWrites.steps(asked(['r2']), {});
    const [adds] = bluebricksWrites.steps(asked(['r2'], true), {});
    expect([answer('r2'), answer('r1'), answer('r1', 'r2')].map((one) => replaces?.accepts(one))).toEqual([
      true,
      false,
      false,
    ]);
    expect([answer('r1', 'r2'), answer('r1')].map((one) => adds?.accepts(one))).toEqual([true, false]);
    expect(replaces?.accepts({ status: 200, headers: {}, body: { id: ID } })).toBe(true);
  });

  test('of Pylon are known where the record has the role whole and no role_id', () => {
    const setting: Setting = { field: 'role_id', value: 'r2', add: false };
    const whole = {
      ...target('pylon', [setting]),
      raw: { id: ID, role: { id: 'r2', name: 'Member', slug: 'member' } },
    };
    expect(pylonWrites.change(setting, whole)).toEqual(['r2', 'r2']);
  });
});

describe('a refused write says which right it takes', () => {
  test.each([
    ['POST /users', 'CreateUser (0x200000)'],
    ['PUT /users/{id}', 'UpdateUser (0x400000)'],
    ['DELETE /users/{id}', 'DeleteUser (0x800000)'],
  ])('of Ident, for %s', (endpoint, right) => {
    const { advice } = failure(403, { message: 'forbidden' }, endpoint);
    expect(advice).toContain(right);
    expect(advice).not.toContain('ListUsers');
  });

  test('of Bluebricks', () => {
    const { failure: said } = bluebricks.api({ token: 'bbx_1', base_url: 'https://bricks.test' });
    expect(said(403, { message: 'Forbidden' }, 'POST /user/{id}/roles').advice).toContain('update:users');
    expect(said(403, { message: 'Forbidden' }, 'GET /user/{id}').advice).toContain('read:users');
  });
});
