import { afterAll } from 'vitest';
import { type Peer, startPeer } from '../peers/bigquery/server.ts';

let shared: Promise<Peer> | null = null;
let datasets = 0;

afterAll(async () => {
  const peer = shared;
  shared = null;
  await (await peer)?.stop();
});

/** The peer that the tests of one file share; each has a dataset of its own. */
export function sharedPeer(): Promise<Peer> {
  shared ??= startPeer();
  return shared;
}

/** Options of a dataset in a peer that nobody else has. */
export function optionsIn(peer: Peer): Record<string, unknown> {
  datasets += 1;
  return { project: 'acme-project', dataset: `crew_${datasets}`, api_endpoint: peer.url, token: peer.token };
}
