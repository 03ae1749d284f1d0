import { z } from 'zod';
import { type Desk, deskOf } from '../../../jobs/desk.ts';
import type { RunData } from '../../../jobs/requests.ts';
import type { RunningWorker } from '../../../jobs/worker.ts';
import { RollcallError } from '../../errors.ts';
import { schedulesOf } from '../schedules.ts';
import { connectionOf } from '../workplace.ts';
import type { Reply, Route } from './server.ts';

const run = z.strictObject({
  connection: z.string(),
  kind: z.enum(['sync', 'backfill', 'resync']).default('sync'),
  allow_deletes: z.boolean().default(false),
  ids: z.array(z.string().min(1)).min(1).exactOptional(),
  emails: z.array(z.string().min(1)).min(1).exactOptional(),
});

const named = z.strictObject({ connection: z.string() });

const refused = (message: string): RollcallError => new RollcallError('config', message, { step: 'http' });

function checked<T>(schema: z.ZodType<T>, body: unknown): T {
  const found = schema.safeParse(body);
  if (found.success) return found.data;
  throw refused(
    found.error.issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`).join('; '),
  );
}

function runData(body: unknown): RunData {
  const asked = checked(run, body);
  const chosen = Number(asked.ids !== undefined) + Number(asked.emails !== undefined);
  if (asked.kind === 'resync' && chosen !== 1) throw refused('a resync needs ids or emails, one of the two');
  if (asked.kind !== 'resync' && chosen > 0) throw refused('ids and emails are for a resync');
  if (asked.kind === 'resync' && asked.allow_deletes) throw refused('allow_deletes is for a complete scan');
  return { ...asked, trigger: 'enqueue', scheduled_at: null };
}

const json = (status: number, body: object): Reply => ({ status, body });

/** What the worker answers on its HTTP side. */
export function routesOf(worker: RunningWorker): Route[] {
  const { shop } = worker;
  const { config, facts, tools, metrics } = shop;
  const desk: Omit<Desk, 'close'> = deskOf(shop.runs);
  // What waits for a queue that is away would be done long after whoever asked has gone.
  const present = async (): Promise<void> => {
    if (await worker.ready()) return;
    throw new RollcallError(
      'transient',
      `the queue at ${shop.backend.place} is away: ask again when /readyz says ready`,
      {
        step: 'http',
      },
    );
  };
  const pausing = async (body: unknown, paused: boolean): Promise<Reply> => {
    const { name } = connectionOf(config, checked(named, body).connection);
    await present();
    await facts.setPaused(name, paused ? new Date(tools.now()).toISOString() : null);
    tools.log.info({ connection: name }, paused ? 'paused' : 'resumed');
    return json(200, { connection: name, paused });
  };
  return [
    { method: 'GET', path: '/healthz', open: 'everybody', answer: async () => json(200, { status: 'ok' }) },
    {
      method: 'GET',
      path: '/readyz',
      open: 'everybody',
      answer: async () =>
        (await worker.ready()) ? json(200, { status: 'ready' }) : json(503, { status: 'the queue is away' }),
    },
    {
      method: 'GET',
      path: '/metrics',
      open: 'this-host',
      answer: async () => ({ status: 200, body: await metrics.registry.metrics(), type: metrics.registry.contentType }),
    },
    {
      method: 'GET',
      path: '/schedules',
      answer: async () => {
        await present();
        return json(200, await schedulesOf(config, facts));
      },
    },
    {
      method: 'POST',
      path: '/runs',
      answer: async ({ body }) => {
        const data = runData(body);
        connectionOf(config, data.connection);
        await present();
        return json(202, { job_id: await desk.enqueue(data), connection: data.connection, kind: data.kind });
      },
    },
    {
      method: 'GET',
      path: '/runs/',
      answer: async ({ rest }) => {
        await present();
        const found = await desk.look(rest);
        return found === null ? json(404, { error: { kind: 'config', message: `no job ${rest}` } }) : json(200, found);
      },
    },
    { method: 'POST', path: '/pause', answer: ({ body }) => pausing(body, true) },
    { method: 'POST', path: '/resume', answer: ({ body }) => pausing(body, false) },
  ];
}
