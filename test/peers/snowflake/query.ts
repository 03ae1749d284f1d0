import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answered, arrow, type Body, done, failed } from './answers.ts';
import { asFailure, Failure } from './failure.ts';
import type { Trouble } from './faults.ts';
import { closeSession, execute, type Session, wakes } from './session.ts';
import { putCommand } from './stage.ts';
import type { Query, State } from './state.ts';
import { type Bind, withBinds } from './text.ts';

/** A request of the query service. */
interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly body: Readonly<Record<string, unknown>>;
  readonly token: string;
  send(response: ServerResponse, body: Body, status?: number): void;
}

const isBinds = (value: unknown): value is Record<string, Bind> => typeof value === 'object' && value !== null;

/** A statement with its parameters written in, and how it is answered. */
interface Job {
  readonly session: Session;
  readonly sql: string;
  readonly id: string;
  readonly trouble: Trouble | null;
}

/** A cloud store that takes nothing. */
const refusing = (url: string): object => ({
  stageInfo: { locationType: 'GCS', location: 'bucket/', creds: {}, presignedUrl: `${url}/refused` },
});

async function work(state: State, { session, sql, id, trouble }: Job): Promise<Body> {
  const facts = { queryId: id, finalRoleName: session.role, statementTypeId: 4096 };
  try {
    if (/^\s*PUT\b/i.test(sql)) {
      const store = trouble?.kind === 'store' ? refusing(state.url) : {};
      return done({ ...putCommand(session.account, session.user, sql.trim()), ...store, queryId: id });
    }
    const rowset = await execute(session, sql);
    return trouble?.kind === 'arrow'
      ? arrow(rowset, facts)
      : answered(rowset, facts, { base: state.url, chunks: state.chunks });
  } catch (error) {
    return failed(asFailure(error), id);
  }
}

const underway = (id: string): Body => ({
  data: { queryId: id, getResultUrl: `/queries/${id}/result`, progressDesc: null },
  code: '333333',
  message: 'Query execution in progress.',
  success: true,
});

async function poll(state: State, id: string, asked: Asked): Promise<void> {
  const query = state.queries.get(id);
  if (query === undefined) throw new Failure('000709', `Statement ${id} not found`, '02000');
  query.polls -= 1;
  asked.send(asked.response, query.polls > 0 ? underway(id) : await query.answer);
}

/** Trouble that comes before the statement is looked at; true where it was the answer. */
async function troubled(state: State, trouble: Trouble | null, asked: Asked): Promise<boolean> {
  const { response, token, send } = asked;
  if (trouble?.kind === 'status') send(response, { message: 'gateway', success: false }, trouble.status);
  else if (trouble?.kind === 'expired')
    send(response, failed(new Failure('390112', 'Your session has expired.', '08001'), ''));
  else if (trouble?.kind === 'refuse')
    send(response, failed(new Failure(trouble.code, trouble.message, trouble.sqlState), randomUUID()));
  else if (trouble?.kind === 'gone') {
    const session = state.open.get(token);
    state.open.delete(token);
    if (session !== undefined) await closeSession(session);
    if (trouble.status === 401)
      send(response, failed(new Failure('390104', 'Authentication token is invalid.', '08001'), ''), 401);
    else send(response, failed(new Failure('390111', 'Session no longer exists.', '08001'), ''));
  } else if (trouble?.kind === 'page')
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>please wait</html>');
  else return trouble?.kind === 'silence';
  return true;
}

/** Answers a statement, a poll for a result, or a request to give up. */
export async function runQuery(state: State, asked: Asked): Promise<void> {
  const { response, url, body, token, send } = asked;
  const polled = /^\/queries\/([^/]+)\/result$/.exec(url.pathname)?.[1];
  if (polled !== undefined) return poll(state, polled, asked);
  if (/\/abort-request$/.test(url.pathname)) return send(response, done({}));
  if (url.pathname !== '/queries/v1/query-request')
    return send(response, { message: 'not found', success: false }, 404);
  const session = state.open.get(token);
  if (session === undefined)
    return send(response, failed(new Failure('390104', 'Authentication token is invalid.', '08001'), ''));
  const requestId = url.searchParams.get('requestId') ?? '';
  const sql = String(body.sqlText);
  const parameters = typeof body.parameters === 'object' && body.parameters !== null ? { ...body.parameters } : {};
  state.log.push({ sql, session: token, requestId, wakes: wakes(sql) && body.describeOnly !== true, parameters });
  const trouble = state.faults.of(sql);
  if (await troubled(state, trouble, asked)) return;
  const known = state.queries.get(requestId);
  const id = known?.id ?? randomUUID();
  const job = {
    session,
    sql: withBinds(sql, isBinds(body.bindings) ? body.bindings : {}),
    id,
    trouble,
  };
  const answer = known?.answer ?? work(state, job);
  const query: Query = { id, answer, polls: trouble?.kind === 'slow' ? trouble.polls : 0 };
  state.queries.set(requestId, query).set(id, query);
  if (query.polls > 0) return send(response, underway(id));
  const found = await answer;
  if (trouble?.kind === 'drop') asked.request.socket.destroy();
  else if (trouble?.kind !== 'mute') send(response, found);
}
