import { generateKeyPairSync } from 'node:crypto';
import { afterEach } from 'vitest';
import { startPeer } from '../peers/snowflake/peer.ts';
import type { Peer, PeerOptions } from '../peers/snowflake/state.ts';

const peers: Peer[] = [];

afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

/** A key pair of this test run, as PEM. */
export const KEYS = generateKeyPairSync('rsa', { modulusLength: 2048 });

export const PRIVATE_KEY = String(KEYS.privateKey.export({ format: 'pem', type: 'pkcs8' }));

/** The user of the tests, who may log in in each way. */
export const LOADER = {
  name: 'LOADER',
  password: 'pass-word-1',
  token: 'programmatic-token-1',
  oauth: 'oauth-token-1',
  publicKey: KEYS.publicKey,
  roles: ['LOADING'],
} as const;

/** Options of a config that lead to a peer, without a credential. */
export const optionsTo = (url: string) => ({
  account: 'acme-test',
  access_url: url,
  user: LOADER.name,
  warehouse: 'loading',
  database: 'analytics',
  schema: 'rollcall',
  role: 'loading',
});

/** Starts an account of its own, stopped after the test. */
export async function peerOf(options: Partial<PeerOptions> = {}): Promise<Peer> {
  const peer = await startPeer({ users: [LOADER], ...options });
  peers.push(peer);
  return peer;
}

/** The statements since an entry of a peer's log, by their first words. */
export const sentSince = (peer: Peer, since: number): string[] =>
  peer.log.slice(since).map(({ sql }) => sql.trim().split(/\s+/).slice(0, 2).join(' ').toUpperCase());
