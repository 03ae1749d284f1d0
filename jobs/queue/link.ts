import { RollcallError } from '../../src/errors.ts';

/** Where a queue is, without the password that its URL may carry. */
export function placeOf(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch (error) {
    if (error instanceof TypeError) return 'queue.url';
    throw error;
  }
}

const words = (error: unknown): string => {
  if (error instanceof AggregateError && error.message === '') return words(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
};

const REFUSED =
  /WRONGPASS|NOAUTH|NOPERM|invalid password|password authentication failed|no pg_hba.conf entry|(role|database) ".*" does not exist/i;

/** True where the store is there and does not let us in: waiting does not help. */
export function isRefusal(error: unknown): boolean {
  return REFUSED.test(words(error));
}

const STEP = 'open the queue';

/** The error of a store that cannot be used. */
export function unreachable(url: string, error: unknown): RollcallError {
  if (error instanceof RollcallError) return error;
  const place = placeOf(url);
  const facts = { step: STEP, cause: error };
  if (isRefusal(error)) {
    return new RollcallError(
      'config',
      `the queue at ${place} does not let us in (${words(error)}): check the user, the password and the database of queue.url`,
      facts,
    );
  }
  if (/permission denied/i.test(words(error))) {
    return new RollcallError(
      'permission',
      `the user of queue.url lacks a right at ${place} (${words(error)}): let it create schemas in this database ` +
        '(grant create on database … to …)',
      facts,
    );
  }
  return new RollcallError(
    'transient',
    `cannot reach the queue at ${place} (${words(error)}): start it, or set queue.url`,
    facts,
  );
}

/** The error of a store that is there and does not do what it is asked: its memory or disk is full, say. */
export function ill(url: string, error: unknown): RollcallError {
  if (error instanceof RollcallError) return error;
  return new RollcallError(
    'transient',
    `the queue at ${placeOf(url)} did not do what it was asked (${words(error)}): look after its memory and disk`,
    { step: 'queue', cause: error },
  );
}
