import type { Answer } from '../contract/io.ts';
import { isObject, type JsonObject } from '../contract/json.ts';
import type { ListedRole, Refs } from '../contract/refs.ts';
import type { FieldValue, Setting, Target, Writes } from '../contract/writes.ts';
import { BadRecord } from '../errors.ts';
import { object, text } from './record.ts';
import { filled, oneOf, settingOf } from './write-values.ts';

const STATUSES = ['active', 'away', 'out_of_office'] as const;

/** What a role is called: its slug, which stays when it is renamed. */
const called = (role: ListedRole): string => role.slug ?? role.name ?? role.id;

function unknownRole(setting: Setting, { roles }: Refs, label: (role: ListedRole) => string): BadRecord {
  const known = [...roles.values()].map(label).join(', ');
  const hint = known === '' ? 'the organization lists no roles' : `there are ${known}`;
  return new BadRecord(`${setting.field}: there is no role "${String(setting.value)}"; ${hint}`);
}

function roleCalled(setting: Setting, refs: Refs): ListedRole {
  const wanted = filled(setting);
  const all = [...refs.roles.values()];
  const found = all.find(({ slug }) => slug === wanted) ?? refs.roles.get(wanted);
  const named = found === undefined ? all.filter(({ name }) => name === wanted) : [found];
  if (named.length > 1)
    throw new BadRecord(`${setting.field}: ${named.length} roles are called "${wanted}"; name one by its slug or id`);
  const [role] = named;
  if (role === undefined) throw unknownRole(setting, refs, called);
  return role;
}

/** Id of the user's role, which stands in one of two places, or in both. */
function currentRoleId(raw: JsonObject): string | null {
  const whole = object(raw, 'role');
  return (whole === null ? null : text(whole, 'id')) ?? text(raw, 'role_id');
}

/** The user's role in the words of `role`. */
function currentRole(raw: JsonObject, refs: Refs): string | null {
  const whole = object(raw, 'role');
  const id = currentRoleId(raw);
  const listed = id === null ? undefined : refs.roles.get(id);
  if (listed !== undefined) return called(listed);
  return whole === null ? id : (text(whole, 'slug') ?? text(whole, 'name') ?? id);
}

function change(setting: Setting, { raw, refs }: Target): readonly [FieldValue, FieldValue] {
  const user = raw ?? {};
  if (setting.field === 'role') return [currentRole(user, refs), called(roleCalled(setting, refs))];
  if (setting.field === 'status') return [text(user, 'status'), oneOf(setting, STATUSES)];
  const role = refs.roles.get(filled(setting));
  if (role === undefined) throw unknownRole(setting, refs, ({ id }) => id);
  return [currentRoleId(user), role.id];
}

function body({ settings, refs }: Target, changed: readonly string[]): JsonObject {
  const wanted = changed.flatMap((field) => settingOf(settings, field) ?? []);
  return Object.fromEntries(
    wanted.map((setting) =>
      setting.field === 'role' ? ['role_id', roleCalled(setting, refs).id] : [setting.field, String(setting.value)],
    ),
  );
}

/** The answer shows the user himself, as he was to become. */
function shows(answer: Answer, id: string, wanted: JsonObject): boolean {
  const user = isObject(answer.body) ? answer.body.data : null;
  return (
    isObject(user) && text(user, 'id') === id && Object.entries(wanted).every(([field, value]) => user[field] === value)
  );
}

/** What Pylon documents: `PATCH /users/{id}` with the role and the presence. Users are made and removed in Pylon itself. */
export const pylonWrites: Writes = {
  ops: ['update'],
  fields: [
    {
      name: 'role',
      kind: 'text',
      path: 'role',
      sets: 'role_id',
      ops: ['update'],
      doc: 'The role, by slug (or id, or name)',
    },
    { name: 'role_id', kind: 'text', path: 'role_id', ops: ['update'], doc: 'The role, by id' },
    { name: 'status', kind: 'text', path: 'status', ops: ['update'], doc: 'active, away or out_of_office' },
  ],
  change,
  steps: (target, changes) => {
    const fields = Object.keys(changes);
    const id = target.id ?? '';
    const wanted = body(target, fields);
    return [
      {
        fields,
        request: {
          call: 'write',
          endpoint: 'PATCH /users/{id}',
          method: 'PATCH',
          path: `/users/${encodeURIComponent(id)}`,
          body: wanted,
        },
        accepts: (answer) => shows(answer, id, wanted),
      },
    ];
  },
};
