import type { Answer } from '../contract/io.ts';
import { isObject, type JsonObject } from '../contract/json.ts';
import type { ListedRole, Refs } from '../contract/refs.ts';
import type { FieldValue, Setting, Target, Writes } from '../contract/writes.ts';
import { BadRecord } from '../errors.ts';
import { text } from './record.ts';
import { entries, listAfter, settingOf } from './write-values.ts';

function roleCalled(wanted: string, { roles }: Refs): ListedRole {
  const found = roles.get(wanted);
  const named = found === undefined ? [...roles.values()].filter(({ name }) => name === wanted) : [found];
  if (named.length > 1) throw new BadRecord(`roles: ${named.length} roles are called "${wanted}"; name one by its id`);
  const [role] = named;
  if (role !== undefined) return role;
  const known = [...roles.values()].map(({ id, name }) => (name === null ? id : `${name} (${id})`)).join(', ');
  throw new BadRecord(
    `roles: there is no role "${wanted}"; ${known === '' ? 'the organization lists none' : `there are ${known}`}`,
  );
}

/** Ids of the user's roles; null where the record does not show them. */
function currentRoles(raw: JsonObject): string[] | null {
  if (!Array.isArray(raw.roles)) return null;
  return raw.roles.flatMap((one) => (isObject(one) ? (text(one, 'id') ?? []) : (text({ one }, 'one') ?? [])));
}

/** Roles are shown as they were asked for: by id when every one of them was, else by name, where that is of one role. */
function shown(ids: readonly string[], byId: boolean, { roles }: Refs): string[] {
  const calledSo = (name: string): number => [...roles.values()].filter((role) => role.name === name).length;
  return ids.map((id) => {
    const name = roles.get(id)?.name ?? id;
    return byId || calledSo(name) > 1 ? id : name;
  });
}

function change(setting: Setting, { raw, refs }: Target): readonly [FieldValue, FieldValue] {
  const asked = entries(setting);
  const wanted = asked.map((one) => roleCalled(one, refs).id);
  const byId = asked.length > 0 && asked.every((one) => refs.roles.has(one));
  const before = currentRoles(raw ?? {});
  const after = listAfter(setting, before ?? [], wanted);
  return [before === null ? null : shown(before, byId, refs), shown(after, byId, refs)];
}

/** The answer shows the user; where it shows his roles, too, they are as they were to become. */
function shows({ body }: Answer, id: string, wanted: readonly string[], add: boolean): boolean {
  if (!isObject(body) || text(body, 'id') !== id) return false;
  const roles = currentRoles(body);
  return (
    roles === null || (wanted.every((one) => roles.includes(one)) && (add || new Set(wanted).size === roles.length))
  );
}

/** What Bluebricks documents: `POST /user/{id}/roles`, which replaces a user's roles or adds to them. */
export const bluebricksWrites: Writes = {
  ops: ['update'],
  fields: [{ name: 'roles', kind: 'list', path: 'roles', ops: ['update'], doc: 'Roles, by name or id' }],
  change,
  steps: ({ id, settings, refs }) => {
    const setting = settingOf(settings, 'roles');
    if (setting === undefined || id === null) return [];
    const roles = entries(setting).map((one) => roleCalled(one, refs).id);
    return [
      {
        fields: ['roles'],
        request: {
          call: 'write',
          endpoint: 'POST /user/{id}/roles',
          method: 'POST',
          path: `/user/${encodeURIComponent(id)}/roles`,
          body: setting.add ? { roles, add: true } : { roles },
        },
        accepts: (answer) => shows(answer, id, roles, setting.add),
      },
    ];
  },
};
