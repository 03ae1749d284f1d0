import type { WriteStep } from '../contract/writes.ts';
import { BadRecord, isAbort, locate, RollcallError } from '../errors.ts';
import { addressIn, holdersOf } from './addresses.ts';
import { changesOf, pick } from './changes.ts';
import { type Planned, targetOf } from './plan.ts';
import { HIDDEN, missingToo, readUser, same, type WriteWork } from './work.ts';

/** What reading the user says of a write whose answer was lost. */
export type Proof =
  | { readonly says: 'happened'; readonly user_id: string | null }
  | { readonly says: 'did not happen'; readonly error: RollcallError }
  | { readonly says: 'nothing'; readonly error: RollcallError; readonly halts: boolean };

function told(lost: RollcallError, words: string): RollcallError {
  const facts = lost.status === undefined ? {} : { status: lost.status };
  const where = lost.connection === undefined ? {} : { connection: lost.connection };
  const message = lost.message.replace(/ Whether the write was applied is not known: .*$/u, '');
  return new RollcallError(lost.kind, `${message} ${words}`, { step: lost.step, ...facts, ...where });
}

const LOOK = 'Look at the user in the source before repeating it.';

function nothing(lost: RollcallError, why: string, halts = false): Proof {
  return { says: 'nothing', error: told(lost, `Whether the write was applied is not known: ${why}. ${LOOK}`), halts };
}

const didNot = (lost: RollcallError): Proof => ({
  says: 'did not happen',
  error: told(lost, 'The user was read again: the write did not happen.'),
});

async function ofCreation(work: WriteWork, plan: Planned, lost: RollcallError): Promise<Proof> {
  const address = addressIn(plan.row.settings);
  if (address === null) return nothing(lost, 'there is no address to search for');
  const found = await holdersOf(work.deps.settings.source, work.reader, [address]);
  if (found === null) return nothing(lost, 'this credential may not search for the address');
  const fresh = (found.get(address) ?? []).filter((id) => !plan.before.includes(id));
  const [only] = fresh;
  if (fresh.length === 1 && only !== undefined) return { says: 'happened', user_id: only };
  // Else a creation that is merely late would make two users of one.
  const putOff = lost.status === 503 && lost.retryAfterMs !== undefined;
  if (putOff && fresh.length === 0) return { says: 'did not happen', error: told(lost, 'Nobody new has the address.') };
  return nothing(lost, 'a search for the address finds nobody new');
}

/** A server that does not find a user who is there says nothing by not finding this one. */
async function ofDeletion(work: WriteWork, id: string, lost: RollcallError): Promise<Proof> {
  if ((await readUser(work, id)) !== null) return didNot(lost);
  const control = await missingToo(work, id);
  if (control !== null) return nothing(lost, `the source finds neither this user nor ${control}, who is there`);
  return { says: 'happened', user_id: id };
}

const isList = (work: WriteWork, field: string): boolean =>
  work.writes.fields.some(({ name, kind }) => name === field && kind === 'list');

async function ofUpdate(work: WriteWork, plan: Planned, step: WriteStep, lost: RollcallError): Promise<Proof> {
  const id = plan.row.user_id ?? '';
  const raw = await readUser(work, id);
  if (raw === null) return nothing(lost, 'the source no longer finds the user');
  const visible = Object.entries(pick(plan.changes, step.fields)).filter(([, [, after]]) => after !== HIDDEN);
  if (visible.length === 0) return nothing(lost, 'nobody can read whether a password is another one');
  const now = changesOf(work, targetOf(work, plan.row, raw));
  const left = visible.filter(([field]) => now[field] !== undefined);
  if (left.length === 0) return { says: 'happened', user_id: id };
  const hidden = left.find(([field]) => now[field]?.[0] === null && isList(work, field));
  if (hidden !== undefined) return nothing(lost, `the source does not show the ${hidden[0]} of the user`);
  const asBefore = left.every(([field, [before]]) => same(now[field]?.[0] ?? null, before));
  return asBefore && left.length === visible.length
    ? didNot(lost)
    : nothing(lost, 'the user is neither as before nor as wanted');
}

/** Reads the user after the answer to a step was lost. */
export async function prove(work: WriteWork, plan: Planned, step: WriteStep, lost: RollcallError): Promise<Proof> {
  const { op, user_id } = plan.row;
  try {
    if (op === 'create') return await ofCreation(work, plan, lost);
    return op === 'delete' ? await ofDeletion(work, user_id ?? '', lost) : await ofUpdate(work, plan, step, lost);
  } catch (error) {
    if (isAbort(error)) return nothing(lost, 'it was stopped before the user could be read again', true);
    if (error instanceof BadRecord) return nothing(lost, 'the user cannot be read any more');
    const { message } = locate(error, work.deps.settings.name, 'look up the user');
    return nothing(lost, `the user could not be read again (${message})`, true);
  }
}
