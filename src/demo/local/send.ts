import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** What a request is answered with, before faults get at it. A body in pieces is written piece by piece. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Iterable<string>;
}

/** As much of a fault as sending needs to know. */
export interface SendFault {
  readonly kind: string;
  readonly part?: number;
}

/** The share of the body that is sent. */
function sentShare(fault: SendFault | null): number {
  if (fault?.kind === 'cut') return fault.part ?? 0.5;
  return fault?.kind === 'reset' ? (fault.part ?? 0) : 1;
}

/** A long body as it is made: chunked, and never faster than it is read. */
async function stream(response: ServerResponse, pieces: Iterable<string>): Promise<void> {
  for (const piece of pieces) {
    if (response.destroyed) return;
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
  response.end();
}

/** Sends an answer: whole, cut as if it were whole, or broken off by a reset. */
export async function send(response: ServerResponse, reply: Reply, fault: SendFault | null): Promise<void> {
  const spoiled = fault?.kind === 'cut' || fault?.kind === 'reset';
  if (typeof reply.body !== 'string' && !spoiled) {
    response.writeHead(reply.status, reply.headers);
    await stream(response, reply.body);
    return;
  }
  const whole = Buffer.from(typeof reply.body === 'string' ? reply.body : [...reply.body].join(''));
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
