import { z } from 'zod';
import type { Source } from '../src/contract/source.ts';

/** What the name of a connection looks like; it is the first half of every key. */
export const CONNECTION_NAME = /^[a-z][a-z0-9_]{0,39}$/;

/** What a `source` looks like that is a file of the user's and no name. */
export const OWN_FILE = /^\.{0,2}[/\\]|\.[cm]?[jt]s$/;

const QUEUE_URL = /^(embedded$|(rediss?|postgres|postgresql):\/\/.)/;
const CRON_FIELD = /^[0-9A-Za-z*?,/#-]+$/;

const share = z.number().min(0).max(1);
const perMinute = z.int().min(0);

const period = z.string().regex(/^(forever|[1-9]\d*[smhdw])$/, 'must be a period such as 12h, 90d or 4w, or forever');

const http = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on'),
  port: z.int().min(0).max(65535).default(9464).describe('0, or a port that is taken: a free one'),
});

/** Everything that is neither the warehouse nor a connection. */
export const generalSettings = z.strictObject({
  state: z
    .strictObject({
      dir: z
        .string()
        .min(1)
        .default('./data/state')
        .meta({ path: true })
        .describe('Folder of the ledgers and spools; relative to this file'),
    })
    .prefault({})
    .describe('Where Rollcall remembers what it has loaded'),
  queue: z
    .strictObject({
      url: z
        .string()
        .regex(QUEUE_URL, { error: 'must be embedded, or begin with redis://, rediss:// or postgres://', abort: true })
        .refine(
          (url) => url === 'embedded' || URL.canParse(url),
          'is no URL: look at host and port, and write characters such as # / ? and @ of a password as %23 %2F %3F %40',
        )
        .default('embedded')
        .describe('embedded, redis://…, rediss://… or postgres://…'),
      prefix: z
        .string()
        .regex(/^[a-z][a-z0-9_-]{0,39}$/, 'must be small letters, digits, - and _, and begin with a letter')
        .default('rollcall')
        .describe('What its keys begin with: one for each configuration that shares a Redis or Postgres'),
    })
    .prefault({})
    .describe('Where the workers meet'),
  worker: z
    .strictObject({
      concurrency: z.int().min(1).default(4).describe('Runs at a time in one worker'),
      spread: share
        .default(0.1)
        .describe('Share of the interval over which scheduled starts are spread, at most 60 seconds'),
      http: z
        .union([z.literal(false), http], { error: 'must be false, or host and port' })
        .prefault({})
        .describe('Local HTTP side: health, metrics, commands; false turns it off'),
    })
    .prefault({})
    .describe('`rollcall worker`'),
  alerts: z
    .strictObject({
      webhook: z
        .url({ protocol: /^https?$/, error: 'must be a URL that begins with https:// or http://' })
        .exactOptional()
        .meta({ redact: true })
        .describe('Receives a JSON body when a connection fails or goes stale'),
      stale_after: z.number().min(1).default(3).describe('Missed intervals after which a connection is stale'),
    })
    .prefault({})
    .describe('Who hears of trouble'),
  retention: z
    .strictObject({
      runs: period.default('90d').describe('Past runs in the ledgers, and in sync_runs where writing is free'),
      rejected: period.default('90d').describe('Records that could not be loaded, in the same places'),
      spools: period.default('7d').describe('Changes that were read but never applied; they are read again'),
    })
    .prefault({})
    .describe('How long the worker keeps what people look back on: 12h, 90d, 4w, or forever'),
});

const deletes = z.strictObject({
  mode: z.enum(['soft', 'hard', 'ignore']).default('soft').describe('Mark the row, remove it, or leave it'),
  max_ratio: share.default(0.2).describe('Refuse a scan that misses more than this share of the users'),
  proof: z
    .enum(['lookup', 'scans'])
    .default('lookup')
    .describe('Ask the source for each missing user, or wait for a second complete scan'),
  lookups: z.int().min(0).default(200).describe('More missing users than this are not looked up one by one'),
});

const quarantine = z.strictObject({
  page_ratio: share.default(0.5).describe('Stop when more than this share of one page cannot be loaded'),
  scan_ratio: share.default(0.01).describe('Stop when more than this share of the scan cannot be loaded'),
  max_record_bytes: z
    .int()
    .min(1)
    .default(8 * 1024 * 1024)
    .describe('Larger records are quarantined'),
});

/** What a connection's settings must know of its source. */
export type SourceFacts = Pick<Source, 'id' | 'limits'>;

const covers = (outer: string, path: string): boolean => path === outer || path.startsWith(`${outer}.`);

/** Rules for the columns of a source whose records carry their id at the path `id`. */
function columnRules(id: string) {
  const path = z
    .string()
    .regex(/^[^\s.](.*[^\s.])?$/, 'must be a path of the record, such as profile.phone')
    .refine((given) => !given.includes('..'), 'must be a path of the record, such as profile.phone')
    .refine((given) => !covers(given, id), `names the user's id (${id}), which is the key of the row and stays`);
  return z
    .strictObject({
      exclude: z.array(path).default([]).describe('Paths of the received record that are never stored'),
      hash: z.array(path).default([]).describe('Paths that are stored as a keyed hash only, so that joins still work'),
      hash_key: z.string().min(1).exactOptional().meta({ secret: true }).describe('Key of the hash'),
    })
    .superRefine((rules, context) => {
      if (rules.hash.length > 0 && rules.hash_key === undefined) {
        context.addIssue({ code: 'custom', path: ['hash_key'], message: `is missing: columns.hash needs a key` });
      }
      rules.hash.forEach((hashed, index) => {
        const outer = rules.exclude.find((excluded) => covers(excluded, hashed));
        if (outer === undefined || covers(hashed, id)) return;
        const message = `cannot be hashed and excluded too (columns.exclude names ${outer}): keep one of the two`;
        context.addIssue({ code: 'custom', path: ['hash', index], message });
      });
    });
}

function known(timezone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: timezone }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const schedule = z.string().superRefine((pattern, context) => {
  const fields = pattern.trim().split(/\s+/);
  const bad = fields.findIndex((field) => !CRON_FIELD.test(field));
  if (fields.length !== 5 && fields.length !== 6) {
    const have = pattern.trim() === '' ? 'is empty' : `has ${fields.length} field${fields.length === 1 ? '' : 's'}`;
    const message = `${have}: write five (minute hour day month weekday), or six with seconds first`;
    context.addIssue({ code: 'custom', message });
  } else if (bad >= 0) {
    const message = `has a character in field ${bad + 1} that no cron pattern has`;
    context.addIssue({ code: 'custom', message });
  }
});

/** What every connection may set, whatever its source; the source's own options stand beside these. */
export function connectionSettings(source: SourceFacts) {
  return z.strictObject({
    schedule: schedule.exactOptional().describe('Cron pattern: five fields, or six with seconds first'),
    timezone: z
      .string()
      .refine(known, 'is no time zone that this system knows: write one such as Europe/Berlin or UTC')
      .default('UTC')
      .describe('Time zone of the schedule'),
    limits: z
      .strictObject({
        list: perMinute.default(source.limits.list).describe('Pages of listings'),
        get: perMinute.default(source.limits.get).describe('Single users, roles, teams'),
        search: perMinute.default(source.limits.search).describe('Searches'),
        write: perMinute.default(source.limits.write).describe('Changes'),
      })
      .prefault({})
      .describe("Requests a minute by kind of call; 0: no budget. Defaults are the vendor's lowest published"),
    deletes: deletes.prefault({}).describe('What becomes of users who are gone'),
    columns: columnRules(source.id).prefault({}).describe('What is not stored, or hashed'),
    quarantine: quarantine.prefault({}).describe('How much may be quarantined before a run stops'),
  });
}
