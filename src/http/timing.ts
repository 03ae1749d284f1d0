import { setTimeout as pause } from 'node:timers/promises';

/** Chance, waiting and the clock, so that tests can decide all three. */
export interface Timing {
  /** A number from 0 up to 1. */
  random(): number;
  /** Waits; rejects as soon as the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Wall clock in ms, for HTTP dates and for measuring. */
  now(): number;
}

/** The timing of a real process. */
export const realTiming: Timing = {
  random: Math.random,
  sleep: (ms, signal) => pause(ms, undefined, { signal }),
  now: Date.now,
};

/** The error of a request whose signal was aborted; what it was aborted with is the cause. */
export function abortError(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  if (reason instanceof Error && reason.name === 'AbortError') return reason;
  const error = new Error('the request was given up because the run was asked to stop', { cause: reason });
  error.name = 'AbortError';
  return error;
}
