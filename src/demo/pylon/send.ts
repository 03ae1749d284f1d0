import type { ServerResponse } from 'node:http';
import type { FaultAnswer } from './faults.ts';
import { errorReply, type Reply } from './reply.ts';

/** Codes of the vendor that go with a status when a fault names none. */
const CODES: Readonly<Record<number, string>> = {
  401: 'invalid_api_token',
  403: 'permission_denied',
  404: 'not_found',
  429: 'rate_limited',
};

/** The answer that a fault puts in the place of the true one; null where it leaves that to the endpoint. */
export function replacement(fault: FaultAnswer | null, requestId: string): Reply | null {
  if (fault?.kind === 'status') {
    const { status, message = `The request failed with status ${status}`, code = CODES[status], headers = {} } = fault;
    return errorReply(requestId, { status, message, code, headers });
  }
  if (fault?.kind !== 'body') return null;
  const { status = 200, type = 'application/json', body } = fault;
  return { status, headers: { 'content-type': type }, body };
}

/** The share of the body that is sent. */
function sentShare(fault: FaultAnswer | null): number {
  if (fault?.kind === 'cut') return fault.part ?? 0.5;
  return fault?.kind === 'reset' ? (fault.part ?? 0) : 1;
}

/** Sends an answer: whole, cut as if it were whole, or broken off by a reset. */
export async function send(response: ServerResponse, reply: Reply, fault: FaultAnswer | null): Promise<void> {
  const whole = Buffer.from(reply.body);
  const body = whole.subarray(0, Math.floor(whole.length * sentShare(fault)));
  const length = fault?.kind === 'reset' ? whole.length : body.length;
  // A 204 has no body, so it must not announce one.
  response.writeHead(reply.status, reply.status === 204 ? {} : { ...reply.headers, 'content-length': length });
  if (fault?.kind !== 'reset') {
    response.end(body);
    return;
  }
  response.flushHeaders();
  if (body.length > 0) await new Promise((written) => response.write(body, written));
  response.socket?.resetAndDestroy();
}
