import { afterEach } from 'vitest';
import type { Service } from './services.ts';

const services: Service[] = [];

afterEach(async () => {
  await Promise.all(services.splice(0).map((one) => one.remove()));
});

/** Begins a service that is removed after the test. */
export async function begun(begin: () => Promise<Service>): Promise<Service> {
  const one = await begin();
  services.push(one);
  return one;
}
