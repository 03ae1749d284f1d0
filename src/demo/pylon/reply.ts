import { type ErrorFacts, Refusal } from '../local/refusal.ts';

export { Refusal } from '../local/refusal.ts';

/** What a request is answered with, before faults get at it. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

/** A JSON answer. */
export function jsonReply(requestId: string, body: string, status = 200): Reply {
  return { status, headers: { ...JSON_TYPE, 'x-pylon-request-id': requestId }, body };
}

/** An answer with the API's error body. */
export function errorReply(requestId: string, facts: ErrorFacts): Reply {
  const body = {
    errors: [facts.message],
    ...(facts.code === undefined ? {} : { code: facts.code }),
    request_id: requestId,
  };
  const reply = jsonReply(requestId, JSON.stringify(body), facts.status);
  return { ...reply, headers: { ...reply.headers, ...facts.headers } };
}

/** The refusal of a request that breaks the API's rules. */
export function badRequest(message: string): Refusal {
  return new Refusal({ status: 400, message });
}

/** The refusal of a request for something that is not there. */
export function notFound(message: string): Refusal {
  return new Refusal({ status: 404, message, code: 'not_found' });
}
