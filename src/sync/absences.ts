import type { Reader, Verdict } from '../contract/source.ts';
import { BadRecord, RollcallError } from '../errors.ts';

/** Who asks, whom, and whom the server must find for its word to count. */
export interface Inquiry {
  readonly connection: string;
  readonly reader: Reader;
  readonly signal: AbortSignal;
  readonly ids: readonly string[];
  /** A user who is there for certain; null when nobody is: then "gone" is not believed. */
  readonly control: string | null;
  /** True of users whom Rollcall deleted itself: they are gone by the source's own answer, whether or not anybody is left. */
  readonly deleted?: (id: string) => boolean;
  /** This credential has never found anybody by id, and there are such credentials: a control not found says nothing else. */
  readonly blind?: boolean;
}

/** Answers that are no answer about a user (a gateway's page, a refused id) say nothing of him. */
async function askFor(reader: Reader, id: string): Promise<Verdict> {
  try {
    return await reader.absent(id);
  } catch (error) {
    const noWord =
      error instanceof BadRecord ||
      (error instanceof RollcallError && (error.kind === 'bad-data' || error.status === 404));
    if (noWord) return { absence: 'unknown' };
    throw error;
  }
}

/** The source refuses to be asked about a user, or answers something else: asking again would bring the same. */
export function isNoWord(error: unknown): error is RollcallError {
  return error instanceof RollcallError && (error.kind === 'permission' || error.kind === 'bad-data');
}

/** The source finds this user by id. */
export async function isThere(reader: Reader, id: string): Promise<boolean> {
  const { absence } = await askFor(reader, id);
  return absence === 'present' || absence === 'inactive';
}

/** A user who is there must be found by id, before and after: else the server is ill and its "not found" says nothing. */
async function checkControl({ connection, reader, control, blind }: Inquiry): Promise<void> {
  if (control === null || (await isThere(reader, control))) return;
  if (blind === true) {
    const words = `${connection}: this credential does not find by id whom it lists, so that its word on the missing ones proves nothing`;
    throw new RollcallError('permission', words, { connection, step: 'look up users' });
  }
  throw new RollcallError(
    'refused',
    `${connection}: the API does not find user ${control}, who is there, so that its word on the missing ones proves nothing; nothing was deleted. Run again when the API is well`,
    { connection, step: 'look up users' },
  );
}

/** Asks the source for each user, within its request budget. Throws auth and permission errors as they come. */
export async function inquire(inquiry: Inquiry): Promise<Map<string, Verdict>> {
  const verdicts = new Map<string, Verdict>();
  if (inquiry.ids.length === 0) return verdicts;
  await checkControl(inquiry);
  for (const id of inquiry.ids) {
    inquiry.signal.throwIfAborted();
    const verdict = await askFor(inquiry.reader, id);
    const believed = verdict.absence !== 'gone' || inquiry.control !== null || inquiry.deleted?.(id) === true;
    verdicts.set(id, believed ? verdict : { absence: 'unknown' });
  }
  await checkControl(inquiry);
  return verdicts;
}
