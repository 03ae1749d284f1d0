import type { JsonObject } from '../../contract/json.ts';

/** A user as Ident's database has him. Times are UTC; the API shows them in the database's own zone. */
export interface IdentUser {
  readonly id: string;
  readonly created_at: string;
  /** The application that he belongs to; null for a user of the whole server. */
  readonly application_id: string | null;
  readonly first_name: string | null;
  readonly last_name: string | null;
  readonly email: string | null;
  readonly permissions: number;
  readonly privacy_policy_agreed_at: string | null;
  readonly terms_of_service_agreed_at: string | null;
  /** Profile of the identity provider; null where there is none. */
  readonly metadata: JsonObject | null;
}

/** What may change of a user. */
export type IdentFields = Partial<Omit<IdentUser, 'id'>>;

const MINUTE_MS = 60_000;

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

/** A UTC time as a database in a zone of so many minutes prints it: RFC 3339, zeros at the end of the fraction cut. */
export function inZone(time: string, zone: number): string {
  const match = /^(.{19})(\.\d+)?Z$/.exec(time);
  const fraction = (match?.[2] ?? '').replace(/\.?0+$/, '');
  const shifted = new Date(Date.parse(`${match?.[1] ?? time}Z`) + zone * MINUTE_MS).toISOString().slice(0, 19);
  const ahead = Math.abs(zone);
  const offset = zone === 0 ? 'Z' : `${zone < 0 ? '-' : '+'}${pad(Math.floor(ahead / 60))}:${pad(ahead % 60)}`;
  return `${shifted}${fraction}${offset}`;
}

const shown = (time: string | null, zone: number): string | null => (time === null ? null : inZone(time, zone));

/** The name that the server makes; of two empty names it is one blank. */
const nameOf = (user: IdentUser): string => `${user.first_name ?? ''} ${user.last_name ?? ''}`;

/** A user as `GET /users` lists him: the name is no column of the database, and empty values are left out. */
export function listedUser(user: IdentUser, zone: number): JsonObject {
  return {
    id: user.id,
    created_at: inZone(user.created_at, zone),
    ...(user.application_id === null ? {} : { application_id: user.application_id }),
    name: null,
    first_name: user.first_name,
    last_name: user.last_name,
    ...(user.email === null ? {} : { email: user.email }),
    ...(user.permissions === 0 ? {} : { permissions: user.permissions }),
    privacy_policy_agreed_at: shown(user.privacy_policy_agreed_at, zone),
    terms_of_service_agreed_at: shown(user.terms_of_service_agreed_at, zone),
  };
}

/** A user as `GET /users/{id}` shows him: enriched, and without his application. */
export function detailedUser(user: IdentUser, zone: number): JsonObject {
  const { application_id: _application, ...listed } = listedUser(user, zone);
  return {
    ...listed,
    name: nameOf(user),
    email: user.email ?? '',
    ...(user.metadata === null ? {} : { metadata: user.metadata }),
  };
}

/** A user as a membership listing shows him: few columns, and the membership's permissions in the place of his own. */
export function memberRow(user: IdentUser, zone: number, membership: { mask: number; emails: boolean }): JsonObject {
  return {
    id: user.id,
    created_at: inZone(user.created_at, zone),
    name: nameOf(user),
    first_name: user.first_name,
    last_name: user.last_name,
    ...(membership.emails && user.email !== null ? { email: user.email } : {}),
    permissions: membership.mask,
    privacy_policy_agreed_at: null,
    terms_of_service_agreed_at: null,
  };
}
