import { randomUUID } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { WINDOW_MS } from '../../src/http/budget.ts';
import type { Store } from './store.ts';

/** Takes a lock that is free or already this holder's; answers with who else has it. */
const TAKE = `
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
`;

const DROP = `
if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end
return 1
`;

/** ARGV: field, what is expected ("" with flag 0: nothing), flag, the new value. */
const SWAP = `
local found = redis.call('hget', KEYS[1], ARGV[1])
if ARGV[3] == '0' and found then return 0 end
if ARGV[3] == '1' and found ~= ARGV[2] then return 0 end
redis.call('hset', KEYS[1], ARGV[1], ARGV[4])
return 1
`;

/**
 * A log of the last minute's requests, by the server's own clock. Requests that lie ahead of the clock are from before
 * it was set back: they count as sent now, so that a jump never gives more than the limit.
 */
const SPEND = `
redis.replicate_commands()
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
for _, ahead in ipairs(redis.call('zrangebyscore', KEYS[1], '(' .. now, '+inf')) do
  redis.call('zadd', KEYS[1], now, ahead)
end
redis.call('zremrangebyscore', KEYS[1], '-inf', now - window)
local spent = redis.call('zcard', KEYS[1])
if spent < limit then
  redis.call('zadd', KEYS[1], now, ARGV[3])
  redis.call('pexpire', KEYS[1], window)
  return 0
end
local blocking = redis.call('zrange', KEYS[1], spent - limit, spent - limit, 'withscores')
return math.max(1, blocking[2] + window - now)
`;

/** The store on Redis, Valkey or a cluster of them; all keys have one hash tag, so that they lie on one node. */
export function redisStore(client: Redis | Cluster, prefix: string): Store {
  const key = (...parts: string[]): string => [`{${prefix}}`, ...parts].join(':');
  return {
    budget: {
      spend: async (bucket, limit) => {
        if (limit === 0) return 0;
        return Number(await client.eval(SPEND, 1, key('budget', bucket), WINDOW_MS, limit, randomUUID()));
      },
    },
    all: async (kind) => new Map(Object.entries(await client.hgetall(key('facts', kind)))),
    get: (kind, name) => client.hget(key('facts', kind), name),
    put: async (kind, name, text) => {
      if (text === null) await client.hdel(key('facts', kind), name);
      else await client.hset(key('facts', kind), name, text);
    },
    swap: async (kind, name, from, to) =>
      (await client.eval(SWAP, 1, key('facts', kind), name, from ?? '', from === null ? '0' : '1', to)) === 1,
    take: async (lock, holder, ms) => {
      const found: unknown = await client.eval(TAKE, 1, key('lock', lock), holder, ms);
      return found === null ? null : String(found);
    },
    drop: async (lock, holder) => {
      await client.eval(DROP, 1, key('lock', lock), holder);
    },
    ping: async () => {
      await client.ping();
    },
    close: async () => undefined,
  };
}
