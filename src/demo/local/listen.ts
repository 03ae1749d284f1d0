import type { Server } from 'node:http';
import { RollcallError } from '../../errors.ts';

/** Listens on 127.0.0.1 and answers with the port. Throws, naming the API, when the port is taken. */
export function listen(server: Server, port: number, api: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `the demo's ${api} cannot listen on port ${port} of 127.0.0.1 (${cause.message}): choose another port, or 0 for any`;
      reject(new RollcallError('config', message, { step: 'start demo API', cause }));
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** Stops listening and cuts every open connection. */
export function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
