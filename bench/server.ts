import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Digest } from './digest.ts';
import { cursorOf, makeOrganization, PAGE, type Version } from './listing.ts';

/** Started by serving.ts as a process of its own, so that what it costs is not counted as anybody's. */

/** What the server is told: to show a version of the listing from now on. */
export interface Order {
  readonly show: Version;
}

/** What the server says: once when it listens, then after each order. */
export interface Word {
  readonly port: number;
  readonly truths: Readonly<Record<Version, Digest>>;
}

const [, , users = '', token = ''] = process.argv;
const organization = makeOrganization(Number(users));
const { versions } = organization;
let shown: Version = 'first';

const ME = '{"data":{"id":"bench","name":"Bench","user":{"id":"bench-token"}},"request_id":"';

function refusal(status: number, message: string) {
  return { status, body: `{"errors":[${JSON.stringify(message)}],"request_id":"` };
}

function usersPage(query: URLSearchParams) {
  if (query.get('limit') !== String(PAGE)) return refusal(400, `limit: this server knows ${PAGE} only`);
  const cursor = query.get('cursor');
  const { pages } = versions[shown];
  const number = cursor === null ? 0 : Number(Buffer.from(cursor, 'base64url').toString().slice('page:'.length));
  const body = cursor === null || cursor === cursorOf(number) ? pages[number] : undefined;
  return body === undefined ? refusal(400, 'cursor: not a cursor of this listing') : { status: 200, body };
}

function answer(request: IncomingMessage) {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (request.headers.authorization !== `Bearer ${token}`) return refusal(401, 'The API token is not valid');
  switch (`${request.method} ${pathname}`) {
    case 'GET /users':
      return usersPage(searchParams);
    case 'GET /me':
      return { status: 200, body: ME };
    case 'GET /user-roles':
      return { status: 200, body: organization.roles };
    case 'GET /teams':
      return { status: 200, body: organization.teams };
    default:
      return refusal(404, `no such path: ${pathname}`);
  }
}

function respond(request: IncomingMessage, response: ServerResponse): void {
  const { status, body } = answer(request);
  const end = `${randomUUID()}"}`;
  const length = Buffer.byteLength(body) + Buffer.byteLength(end);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': length });
  response.write(body);
  response.end(end);
}

function say(port: number): void {
  const truths = { first: versions.first.truth, changed: versions.changed.truth };
  const word: Word = { port, truths };
  process.send?.(word);
}

// Longer than a sync may pause between two pages while it applies a batch.
const server = createServer({ keepAliveTimeout: 120_000 }, respond);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.on('message', ({ show }: Order) => {
    shown = show;
    say(port);
  });
  say(port);
});
// A terminal sends it to the server as well; the bench ends its server when it has ended what reads from it.
process.on('SIGINT', () => undefined);
// The bench is gone, however it ended.
process.once('disconnect', () => process.exit());
