import type { Call } from '../../contract/io.ts';
import type { Asked } from './asked.ts';
import { listRoles, listTeams, me, oneTeam } from './organization.ts';
import type { Reply } from './reply.ts';
import { notFound, Refusal } from './reply.ts';
import { updateUser } from './update.ts';
import { listUsers, oneUser, searchUsers } from './users.ts';

/** One call of the API: what it is named by in limits and faults, and what serves it. */
export interface Endpoint {
  readonly method: string;
  readonly path: string;
  readonly call: Call;
  readonly serve: (asked: Asked) => Reply;
}

const ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: '/users', call: 'list', serve: listUsers },
  { method: 'POST', path: '/users/search', call: 'search', serve: searchUsers },
  { method: 'GET', path: '/users/{id}', call: 'get', serve: oneUser },
  { method: 'PATCH', path: '/users/{id}', call: 'write', serve: updateUser },
  { method: 'GET', path: '/user-roles', call: 'get', serve: listRoles },
  { method: 'GET', path: '/teams', call: 'get', serve: listTeams },
  { method: 'GET', path: '/teams/{id}', call: 'get', serve: oneTeam },
  { method: 'GET', path: '/me', call: 'get', serve: me },
];

/** What a path leads to: an endpoint, or the refusal to give once faults have had their say. */
export type Route =
  | { readonly endpoint: Endpoint; readonly id: string }
  | { readonly template: string; readonly refusal: Refusal };

function matchPath(template: string, path: string): string | null {
  if (!template.endsWith('/{id}')) return template === path ? '' : null;
  const parent = template.slice(0, -'{id}'.length);
  const id = path.slice(parent.length);
  return path.startsWith(parent) && id !== '' && !id.includes('/') ? id : null;
}

/** Finds the endpoint. Routing comes before authentication: the API answers an unknown path without looking at a token. */
export function route(method: string, path: string): Route {
  const matches = ENDPOINTS.flatMap((endpoint) => {
    const id = matchPath(endpoint.path, path);
    return id === null ? [] : [{ endpoint, id }];
  });
  const match = matches.find(({ endpoint }) => endpoint.method === method);
  if (match !== undefined) return match;
  const [other] = matches;
  if (other === undefined) return { template: '', refusal: notFound(`no such path: ${path}`) };
  const allow = matches.map(({ endpoint }) => endpoint.method).join(', ');
  const message = `method ${method} is not allowed here, use ${allow}`;
  return { template: other.endpoint.path, refusal: new Refusal({ status: 405, message, headers: { allow } }) };
}
