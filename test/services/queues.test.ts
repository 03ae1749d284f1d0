import { afterAll, beforeAll, describe } from 'vitest';
import { queueContract } from '../support/queue-suite.ts';
import { type Service, startPostgres, startRedis, startRedisCluster } from '../support/services.ts';

describe.each([
  { name: 'redis', begin: () => startRedis() },
  { name: 'redis cluster', begin: startRedisCluster },
  { name: 'postgres', begin: startPostgres },
])('on $name', ({ name, begin }) => {
  let service: Service | null = null;

  beforeAll(async () => {
    service = await begin();
  });

  afterAll(async () => {
    await service?.remove();
  });

  queueContract({ name, url: () => service?.url });
});
