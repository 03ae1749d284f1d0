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

const REFUSED = /WRONGPASS|NOAUTH|NOPERM|invalid password|password authentication failed|no pg_hba.conf entry/i;

/** True where the store is there and does not let us in: waiting does not help. */
export function isRefusal(error: unknown): boolean {
  return REFUSED.test(words(error));
}

/** The error of a store that cannot be used. */
export function unreachable(url: string, error: unknown): RollcallError {
  const place = placeOf(url);
  if (isRefusal(error)) {
    return new RollcallError(
      'auth',
      `the queue at ${place} does not let us in (${words(error)}): check the user and password of queue.url`,
      {
        step: 'open the queue',
        cause: error,
      },
    );
  }
  return new RollcallError(
    'transient',
    `cannot reach the queue at ${place} (${words(error)}): start it, or set queue.url`,
    {
      step: 'open the queue',
      cause: error,
    },
  );
}
