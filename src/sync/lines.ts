import type { Line, Op } from '../contract/journal.ts';
import { isRawNumber, type Json, type JsonObject } from '../contract/json.ts';
import type { Refs } from '../contract/source.ts';
import type { UserRecord } from '../contract/user.ts';

/** Half of a surrogate pair is no text in any warehouse; the replacement character stands in for it. */
function wellFormed(value: Json): Json {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null || isRawNumber(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)]));
}

/** JSON text of a value, with lone surrogates replaced. */
export function jsonText(value: Json): string {
  const text = JSON.stringify(value);
  return text.includes('\\ud') ? JSON.stringify(wellFormed(value)) : text;
}

const line = (op: Op, columns: Record<string, string | null>): Line => ({ op, json: jsonText({ op, ...columns }) });

/** The roles as JSON text, each once: whoever names one twice says no more than who names it once. */
function rolesText(roles: UserRecord['roles']): string {
  const texts = roles.map(({ id, name, slug }) => jsonText({ id, name, slug }));
  return `[${[...new Set(texts)].join(',')}]`;
}

/** A user as he is now. `raw` is the received record's JSON text. */
export function upsertLine(user: UserRecord, raw: string, fingerprint: string, page: number): Line {
  return line('upsert', {
    page: String(page),
    user_id: user.user_id,
    email: user.email,
    emails: JSON.stringify(user.emails.map((email) => email.toWellFormed())),
    name: user.name,
    first_name: user.first_name,
    last_name: user.last_name,
    roles: rolesText(user.roles),
    active: user.active === null ? null : String(user.active),
    availability: user.availability,
    avatar_url: user.avatar_url,
    created_at: user.created_at,
    updated_at: user.updated_at,
    raw,
    fingerprint,
  });
}

/** A user who is gone: his row is marked (`soft`) or removed (`hard`). */
export function goneLine(user_id: string, mode: 'soft' | 'hard'): Line {
  return line(mode === 'hard' ? 'purge' : 'delete', { user_id });
}

/** A record that could not be loaded. */
export function rejectLine(rejected: {
  page: number;
  user_id: string | null;
  reason: string;
  payload: string;
  payload_hash: string;
}): Line {
  const { page, user_id, reason, payload, payload_hash } = rejected;
  return line('reject', { page: String(page), user_id, reason, raw: payload, payload_hash });
}

/** A quarantined record is loaded after all. */
export function replayedLine(payload_hash: string): Line {
  return line('replayed', { payload_hash });
}

/** In one order, whatever order the server listed them in: order is no content. */
const byId = <T extends { readonly id: string }>(items: ReadonlyMap<string, T>): T[] =>
  [...items.values()].sort((a, b) => (a.id < b.id ? -1 : 1));

/** The listings of roles and teams, whole; of roles alone where teams are withheld. */
export function refsLines(refs: Refs): Line[] {
  const raw = (object: JsonObject): { raw: string } => ({ raw: jsonText(object) });
  return [
    line(refs.withheld === undefined ? 'refs' : 'roles', {}),
    ...byId(refs.roles).map((role) => line('role', raw(role.raw))),
    ...byId(refs.teams).map((team) => line('team', raw(team.raw))),
  ];
}
