import type { Body, Chunks } from './answers.ts';
import type { Account, Home } from './catalog.ts';
import type { Faults } from './faults.ts';
import type { User } from './login.ts';
import type { Session } from './session.ts';

/** A statement that the peer was sent. */
export interface Seen {
  readonly sql: string;
  readonly session: string;
  readonly requestId: string;
  /** It needs a virtual warehouse at work. */
  readonly wakes: boolean;
  /** Session parameters that came with it. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** A Snowflake account on this machine. */
export interface Peer {
  readonly url: string;
  readonly faults: Faults;
  /** Statements in the order in which they came, resent ones included. */
  readonly log: Seen[];
  /** What was counted beside statements. */
  readonly counted: { logins: number; logouts: number; renewals: number; telemetry: number; heartbeats: number };
  readonly account: Account;
  /** Sessions that are open. */
  sessions(): number;
  /** Runs a statement of somebody else's, who may do everything. */
  run(sql: string): Promise<readonly (readonly (string | null)[])[]>;
  /** Rows of a DuckDB query on the account's data, read beside every session; names in lower case. */
  records(sql: string): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

/** A statement at work, or its answer: a request that comes again gets the same one. */
export interface Query {
  readonly id: string;
  readonly answer: Promise<Body>;
  /** So many polls find it still at work. */
  polls: number;
}

/** What an account is made of. */
export interface PeerOptions {
  readonly users: readonly User[];
  readonly home?: Home;
  /** False: the schema is still to be made. */
  readonly schema?: boolean;
  /** The account keeps sessions alive whatever a client asks for. */
  readonly keepsAlive?: boolean;
}

/** Everything that the server of an account remembers. */
export interface State extends Omit<Peer, 'sessions' | 'run' | 'records' | 'stop' | 'url'> {
  readonly users: readonly User[];
  readonly keepsAlive: boolean;
  readonly open: Map<string, Session>;
  readonly masters: Map<string, string>;
  readonly chunks: Chunks;
  readonly queries: Map<string, Query>;
  url: string;
}
