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
