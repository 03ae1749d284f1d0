/** A role as Pylon lists it, and as it stands inside a user. */
export interface PylonRole {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
}

/** A team of the model; the API shows each member as `{id, email}`. */
export interface PylonTeam {
  readonly id: string;
  readonly name: string;
  readonly members: readonly string[];
}

/**
 * A user exactly as the API serves him, but for the query of a signed avatar. Never changed in place: a change is a new
 * object. Pylon's document makes every property optional, and clients have met null in all of them but the id.
 */
export interface PylonUser {
  readonly id: string;
  readonly name?: string | null;
  readonly email?: string | null;
  readonly emails?: readonly string[] | null;
  readonly role_id?: string | null;
  readonly role?: PylonRole | null;
  readonly avatar_url?: string | null;
  readonly status?: string | null;
}

/** What may change of a user. */
export type PylonUserFields = Omit<PylonUser, 'id'>;

/** Avatars under this address get an expiry query that differs in every answer. */
export const SIGNED_AVATARS = 'https://files.pylon.test/signed/';

/** Where the query of a signed avatar goes in a user's cached text. */
const SIGNATURE = '?~signature~';

const texts = new WeakMap<PylonUser, readonly string[]>();

/** A user's JSON text. Kept for as long as the user is not changed, because a benchmark asks for 100,000 again and again. */
export function userText(user: PylonUser, signature: string): string {
  const known = texts.get(user);
  if (known !== undefined) return known.join(signature);
  const signed = user.avatar_url?.startsWith(SIGNED_AVATARS) ?? false;
  const parts = signed
    ? JSON.stringify({ ...user, avatar_url: `${user.avatar_url}${SIGNATURE}` }).split(SIGNATURE)
    : [JSON.stringify(user)];
  texts.set(user, parts);
  return parts.join(signature);
}
