import { z } from 'zod';
import type { UserRecord } from '../contract/user.ts';
import { BadRecord } from '../errors.ts';
import { instantOf, joinable } from './record.ts';

const text = z
  .string()
  .nullish()
  .transform((value) => (value === undefined || value === '' ? null : value));

const time = text.transform((value, context) => {
  const instant = value === null ? null : instantOf(value);
  if (instant !== undefined) return instant;
  context.addIssue({ code: 'custom', message: 'expected a time such as 2026-01-31T12:00:00Z' });
  return z.NEVER;
});

/** What the `user` of somebody's own source may give. */
const columns = z.object({
  user_id: z.string().min(1),
  email: text,
  emails: z.array(z.string()).nullish(),
  name: text,
  first_name: text,
  last_name: text,
  roles: z.array(z.object({ id: text, name: text, slug: text })).nullish(),
  active: z.boolean().nullish(),
  availability: text,
  avatar_url: text,
  created_at: time,
  updated_at: time,
});

/**
 * What the `user` of somebody's own source gave, made whole; its types were stripped, or never there. `active`: what the
 * listing implies. Throws BadRecord where a column has a wrong form.
 */
export function recordOf(given: unknown, active: boolean | null): UserRecord {
  const read = columns.safeParse(given);
  if (!read.success) {
    const said = read.error.issues.map(({ path, message }) => [...path, message].join(': '));
    throw new BadRecord(`user gave something else than it must: ${said.join('; ')}`);
  }
  const { emails, roles, active: said, ...user } = read.data;
  const email = joinable(user.email);
  return {
    ...user,
    email,
    emails: emails ?? (email === null ? [] : [email]),
    roles: roles ?? [],
    active: said === undefined ? active : said,
  };
}
