import { startPeer } from './server.ts';

/** `node test/peers/bigquery/main.ts`: a peer to try commands against, until it is stopped. */
const peer = await startPeer({ linger: 0 });
process.stdout.write(`api_endpoint: ${peer.url}\ntoken: ${peer.token}\n`);
process.on('SIGTERM', () => void peer.stop());
process.on('SIGINT', () => void peer.stop());
