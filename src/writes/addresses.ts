import type { JsonObject } from '../contract/json.ts';
import type { Reader, Source } from '../contract/source.ts';
import type { Setting } from '../contract/writes.ts';
import { BadRecord, RollcallError } from '../errors.ts';
import { idOf, joinable } from '../sources/record.ts';
import type { Row } from './row.ts';

/** The address that settings give a user, as addresses are compared; null where they give none. */
export function addressIn(settings: readonly Setting[]): string | null {
  const email = settings.find(({ field }) => field === 'email')?.value;
  return typeof email === 'string' ? joinable(email) : null;
}

function entry(source: Source, user: JsonObject): { id: string; emails: string[] } | null {
  try {
    const { email, emails } = source.user(user, { roles: new Map(), teams: new Map() }, null);
    return { id: idOf(user, source.id), emails: [email, ...emails].map(joinable).filter((one) => one !== null) };
  } catch (error) {
    // A record that cannot be a row is nobody whom a creation could have made.
    if (error instanceof BadRecord) return null;
    throw error;
  }
}

/**
 * Ids of the users who have each of these addresses. Null for a credential that may not look: it can still create, but
 * where an answer is lost nothing will prove what became of it.
 */
export async function holdersOf(
  source: Source,
  reader: Reader,
  emails: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]> | null> {
  const found = new Map<string, string[]>(emails.map((email) => [email, []]));
  if (emails.length === 0) return found;
  try {
    for await (const user of reader.find({ emails })) {
      const known = entry(source, user);
      for (const email of known?.emails ?? []) found.get(email)?.push(known?.id ?? '');
    }
  } catch (error) {
    if (error instanceof RollcallError && error.kind === 'permission') return null;
    throw error;
  }
  return new Map([...found].map(([email, ids]) => [email, [...new Set(ids)]]));
}

/** Looks the addresses of all rows up once, when the first of them is asked for: without a search that reads a whole listing. */
export function addressBook(
  source: Source,
  reader: Reader,
  rows: readonly Row[],
): (email: string) => Promise<readonly string[] | null> {
  const emails = rows.filter(({ op }) => op === 'create').flatMap(({ settings }) => addressIn(settings) ?? []);
  let read: Promise<ReadonlyMap<string, readonly string[]> | null> | null = null;
  return async (email) => {
    read ??= holdersOf(source, reader, [...new Set(emails)]);
    const found = await read;
    return found === null ? null : (found.get(email) ?? []);
  };
}
