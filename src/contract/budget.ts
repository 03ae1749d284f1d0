/**
 * Request budgets: at most `limit` requests in any sliding minute for each bucket. Spent before sending. In a one-off
 * command they live in the state folder, so that a command started right after another remembers the minute.
 */
export interface Budget {
  /**
   * Spends one request of a bucket. Returns 0 when it may be sent now, else the ms to wait before asking again
   * (nothing is spent then). `limit` 0 always returns 0.
   */
  spend(bucket: string, limit: number): Promise<number>;
}
