import type { Config } from '../../../config/types.ts';
import type { Desk, Handed } from '../../../jobs/desk.ts';
import { isEmbedded } from '../../../jobs/store/open.ts';
import { RollcallError } from '../../errors.ts';
import { findWorker } from './address.ts';

/** How long a running worker may take to answer, in ms. */
const PATIENCE_MS = 10_000;

function nobody(config: Config, connection: string): RollcallError {
  if (config.worker.http === false)
    return new RollcallError(
      'config',
      `worker.http is false in ${config.file}, and the embedded queue is reached through its worker's HTTP side: turn it on and ` +
        `start the worker again, or run it in this process with \`rollcall sync ${connection}\``,
      { step: 'enqueue', connection },
    );
  return new RollcallError(
    'transient',
    `no worker is running with ${config.state.dir}, and the embedded queue is reached through its worker: start \`rollcall worker\`, ` +
      `or run it in this process with \`rollcall sync ${connection}\``,
    { step: 'enqueue', connection },
  );
}

function silent(pid: number, connection: string): RollcallError {
  return new RollcallError(
    'transient',
    `the running worker (process ${pid}) does not answer for more than ${PATIENCE_MS / 1000} s: look whether it is stopped, or start it anew`,
    { step: 'enqueue', connection },
  );
}

/** What the worker answered, read whole. */
interface Answered {
  readonly status: number;
  readonly text: string;
}

/** The words of an answer that was no success. */
function refusal({ status, text }: Answered): RollcallError {
  let said = text.slice(0, 200);
  try {
    // Our own worker's errors have this form; anything else is shown as it came.
    said = (JSON.parse(text) as { error?: { message?: string } }).error?.message ?? said;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return new RollcallError(status === 400 ? 'config' : 'transient', `the running worker answered ${status}: ${said}`, {
    step: 'enqueue',
    status,
  });
}

/** The desk of the worker that has the embedded queue, through its HTTP side. */
function httpDesk(config: Config): Desk {
  const ask = async (connection: string, path: string, body?: object): Promise<Answered> => {
    const found = findWorker(config.state.dir);
    if (found === null) throw nobody(config, connection);
    const { address, token } = found;
    try {
      const answer = await fetch(new URL(path, address.url), {
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      // Another folder's worker has the port that a killed one had.
      if (answer.status === 401) throw nobody(config, connection);
      return { status: answer.status, text: await answer.text() };
    } catch (error) {
      // What a killed worker left behind leads nowhere.
      if (error instanceof TypeError) throw nobody(config, connection);
      if (error instanceof Error && error.name === 'TimeoutError') throw silent(address.pid, connection);
      throw error;
    }
  };
  let connection = '';
  return {
    enqueue: async ({ kind, allow_deletes, ids, emails, ...data }) => {
      connection = data.connection;
      const chosen = { ...(ids === undefined ? {} : { ids }), ...(emails === undefined ? {} : { emails }) };
      const answer = await ask(connection, '/runs', { connection, kind, allow_deletes, ...chosen });
      if (answer.status !== 202) throw refusal(answer);
      // Our own worker answers in this form.
      return (JSON.parse(answer.text) as { job_id: string }).job_id;
    },
    look: async (job_id) => {
      const answer = await ask(connection, `/runs/${encodeURIComponent(job_id)}`);
      if (answer.status === 404) return null;
      if (answer.status !== 200) throw refusal(answer);
      return JSON.parse(answer.text) as Handed;
    },
    close: async () => undefined,
  };
}

/** Where runs are handed over: at the queue's server, or at the running worker. */
export async function openAnyDesk(config: Config): Promise<Desk> {
  if (isEmbedded(config)) return httpDesk(config);
  const { openDesk } = await import('../../../jobs/desk.ts');
  return openDesk(config);
}
