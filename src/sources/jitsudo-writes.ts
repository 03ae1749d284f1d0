import type { Answer } from '../contract/io.ts';
import { isObject, type JsonObject } from '../contract/json.ts';
import type { Changes, FieldValue, Setting, Target, WriteStep, Writes } from '../contract/writes.ts';
import { BadRecord } from '../errors.ts';
import { text, texts } from './record.ts';
import { entries, filled, listAfter, settingOf } from './write-values.ts';

function nameChange(setting: Setting, raw: JsonObject): readonly [FieldValue, FieldValue] {
  const [before, after] = [text(raw, 'name'), filled(setting)];
  const provider = text(raw, 'auth_provider');
  if (before !== after && (provider === 'oidc' || provider === 'saml'))
    throw new BadRecord(`name: it belongs to the identity provider (${provider}); change it there`);
  return [before, after];
}

function change(setting: Setting, target: Target): readonly [FieldValue, FieldValue] {
  const raw = target.raw ?? {};
  if (setting.field === 'name') return nameChange(setting, raw);
  if (setting.field === 'active') return [typeof raw.active === 'boolean' ? raw.active : null, setting.value === true];
  const before = texts(raw, 'roles');
  return [before, listAfter(setting, before, entries(setting))];
}

/** The user in the answer is as he was to become; the order of his roles is no content. */
function shows({ body }: Answer, id: string, wanted: JsonObject): boolean {
  if (!isObject(body) || text(body, 'id') !== id) return false;
  return Object.entries(wanted).every(([field, value]) =>
    field === 'roles'
      ? texts(body, field).sort().join('\n') === texts(wanted, field).sort().join('\n')
      : body[field] === value,
  );
}

/** The request takes name and roles together: what is not to change is sent as it was just read. */
function profile({ raw, settings }: Target, changes: Changes): JsonObject {
  const [name, roles] = [settingOf(settings, 'name'), settingOf(settings, 'roles')];
  const current = texts(raw ?? {}, 'roles');
  const wanted =
    roles === undefined || changes.roles === undefined ? current : listAfter(roles, current, entries(roles));
  return {
    name: name === undefined || changes.name === undefined ? (text(raw ?? {}, 'name') ?? '') : String(name.value),
    roles: wanted,
  };
}

function steps(target: Target, changes: Changes): WriteStep[] {
  const id = target.id ?? '';
  const path = `/users/${encodeURIComponent(id)}`;
  if (target.op === 'delete') {
    const request = { call: 'write', endpoint: 'DELETE /users/{id}', method: 'DELETE', path } as const;
    return [{ fields: [], request, accepts: ({ status }) => status === 204 }];
  }
  const told: WriteStep[] = [];
  const fields = ['name', 'roles'].filter((field) => changes[field] !== undefined);
  if (fields.length > 0) {
    const body = profile(target, changes);
    const request = { call: 'write', endpoint: 'PUT /users/{id}', method: 'PUT', path, body } as const;
    told.push({ fields, request, accepts: (answer) => shows(answer, id, body) });
  }
  if (changes.active !== undefined) {
    const body = { active: changes.active[1] === true };
    const endpoint = 'POST /users/{id}/suspend';
    const request = { call: 'write', endpoint, method: 'POST', path: `${path}/suspend`, body } as const;
    told.push({ fields: ['active'], request, accepts: (answer) => shows(answer, id, body) });
  }
  return told;
}

/**
 * What JITSudo documents: `PUT` of name and roles, suspend and reactivate (one request, `active`), and `DELETE`, which is
 * permanent. It lists no roles: the server says which there are (422).
 */
export const jitsudoWrites: Writes = {
  ops: ['update', 'delete'],
  fields: [
    { name: 'name', kind: 'text', path: 'name', ops: ['update'], doc: 'Name, of local users only' },
    { name: 'roles', kind: 'list', path: 'roles', ops: ['update'], doc: 'Roles, by name' },
    { name: 'active', kind: 'switch', path: 'active', ops: ['update'], doc: 'false suspends, true reactivates' },
  ],
  change,
  steps,
};
