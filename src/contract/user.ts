/** One role of a user; what the source does not say is null. */
export interface Role {
  readonly id: string | null;
  readonly name: string | null;
  readonly slug: string | null;
}

/**
 * A user as the `users` table holds him, less what the engine adds. Produced by a source's `user`, read by the engine
 * only. Texts are the source's own, except `email`, which is lower-cased for joins; times are RFC 3339 instants.
 */
export interface UserRecord {
  readonly user_id: string;
  readonly email: string | null;
  readonly emails: readonly string[];
  readonly name: string | null;
  readonly first_name: string | null;
  readonly last_name: string | null;
  readonly roles: readonly Role[];
  /** The account is enabled; null where the source does not say. */
  readonly active: boolean | null;
  /** Presence (active, away, out_of_office), which is not account state. */
  readonly availability: string | null;
  readonly avatar_url: string | null;
  readonly created_at: string | null;
  readonly updated_at: string | null;
}
