/** What goes wrong with one request. */
export type Trouble =
  /** The statement is refused with this code; nothing of it happens. */
  | { readonly kind: 'refuse'; readonly code: string; readonly message: string; readonly sqlState?: string }
  /** An answer of the gateway's, with this status. */
  | { readonly kind: 'status'; readonly status: number }
  /** A page of the gateway's in place of an answer, as if it were one. */
  | { readonly kind: 'page' }
  /** The statement is executed, and its answer never comes: the connection breaks. */
  | { readonly kind: 'drop' }
  /** The statement is not executed and gets no answer; the connection stays open. */
  | { readonly kind: 'silence' }
  /** The statement is executed and gets no answer. */
  | { readonly kind: 'mute' }
  /** The session's token has expired: the driver renews it and sends the statement again. */
  | { readonly kind: 'expired' }
  /** The session is gone, and what was open in it undone. Said in a body, as 390111, or as 390104 with the status 401. */
  | { readonly kind: 'gone'; readonly status?: 401 }
  /** The virtual warehouse resumes for so many polls before the answer is ready. */
  | { readonly kind: 'slow'; readonly polls: number }
  /** The file of a PUT is to be sent to a store that refuses it. */
  | { readonly kind: 'store' }
  /** Rows in a format that the driver does not read. */
  | { readonly kind: 'arrow' };

/** A trouble that waits for its requests. */
export interface Fault {
  /** Chosen by the statement's text; a login is the text `LOGIN`. */
  readonly when: RegExp;
  readonly trouble: Trouble;
  /** How often; without it once. */
  readonly times?: number;
  /** Requests that it lets pass first. */
  readonly after?: number;
}

export interface Faults {
  add(fault: Fault): void;
  clear(): void;
  /** The trouble of a request, if one waits for it. */
  of(text: string): Trouble | null;
}

export function makeFaults(): Faults {
  const waiting: { fault: Fault; left: number; pass: number }[] = [];
  return {
    add: (fault) => {
      waiting.push({ fault, left: fault.times ?? 1, pass: fault.after ?? 0 });
    },
    clear: () => {
      waiting.length = 0;
    },
    of: (text) => {
      for (const one of waiting) {
        if (one.left === 0 || !one.fault.when.test(text)) continue;
        if (one.pass > 0) {
          one.pass -= 1;
          continue;
        }
        one.left -= 1;
        return one.fault.trouble;
      }
      return null;
    },
  };
}
