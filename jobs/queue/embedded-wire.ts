/** A statement for the thread. Without parameters it may be several, as in Postgres's simple protocol. */
export interface Asked {
  readonly id: number;
  readonly text: string;
  readonly params: unknown[] | null;
}

/** What the thread says. */
export type Answered =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly id: number; readonly rows: unknown[]; readonly rowCount: number }
  | {
      readonly kind: 'failure';
      readonly id: number;
      readonly message: string;
      readonly code?: string;
      readonly detail?: string;
    }
  | { readonly kind: 'notification'; readonly channel: string; readonly payload: string };
