import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';

/** The requests that the driver sends for one session, so that they can be ended: it would go on asking for minutes. */
export interface Requests {
  /** Does something of the driver's; whatever it sends for it, then or later, is one of these requests. */
  during<T>(work: () => T): T;
  /** Ends what is under way, and whatever is sent later on. */
  end(): void;
}

/** The sets that the requests of the work at hand belong to. */
const current = new AsyncLocalStorage<{ readonly open: Set<ClientRequest>; ended: boolean }>();

/** With this code a request counts as given up by its sender, and the driver does not send it again. */
const givenUp = (): Error => Object.assign(new Error('given up'), { code: 'ERR_CANCELED' });

const isRequest = (message: unknown): message is { readonly request: ClientRequest } =>
  typeof message === 'object' && message !== null && 'request' in message;

let listening = false;

/** Node tells of every request that begins in this process; others than the driver's belong to no set. */
function listen(): void {
  if (listening) return;
  listening = true;
  subscribe('http.client.request.start', (message) => {
    const requests = current.getStore();
    if (requests === undefined || !isRequest(message)) return;
    const { request } = message;
    // What the driver reports of its use to the account is not sent.
    if (requests.ended || request.path.startsWith('/telemetry/')) {
      request.destroy(givenUp());
      return;
    }
    requests.open.add(request);
    request.once('close', () => requests.open.delete(request));
  });
}

/** The requests of a session that is about to begin. */
export function sessionRequests(): Requests {
  listen();
  const requests = { open: new Set<ClientRequest>(), ended: false };
  return {
    during: (work) => current.run(requests, work),
    end: () => {
      requests.ended = true;
      for (const request of requests.open) request.destroy(givenUp());
    },
  };
}
