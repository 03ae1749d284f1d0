import { queueContract } from '../support/queue-suite.ts';

queueContract({ name: 'embedded', url: () => undefined });
