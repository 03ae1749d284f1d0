import type { IncomingMessage, ServerResponse } from 'node:http';

/** An error of the API. */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
  }
}

/** An answer: status and JSON. */
export interface Reply {
  readonly status: number;
  readonly body: object | null;
}

export const ok = (body: object): Reply => ({ status: 200, body });

/** An error as the API sends it. */
export function errorReply({ status, reason, message }: ApiError): Reply {
  return {
    status,
    body: { error: { code: status, message, errors: [{ message, domain: 'global', reason }], status: reason } },
  };
}

/** Writes an answer. */
export function send(
  response: ServerResponse,
  { status, body }: Reply,
  more: Readonly<Record<string, string>> = {},
): void {
  if (body === null) {
    response.writeHead(status).end();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8', ...more }).end(JSON.stringify(body));
}

/** Reads a request's body whole. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

/** Parses a JSON body that must be an object. */
export function jsonOf<T extends object>(body: Buffer): T {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    // The API's shapes are all optional members; each is checked where it is used.
    if (typeof value === 'object' && value !== null) return value as T;
  } catch {
    // Answered below like anything else that is no JSON object.
  }
  throw new ApiError(400, 'parseError', 'Parse Error: the body is no JSON object');
}

/** The two parts of an upload: what is asked for, and the file. */
export function uploadOf(contentType: string, body: Buffer): { readonly json: Buffer; readonly media: Buffer } {
  const boundary = /^multipart\/related;\s*boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (boundary === undefined) throw new ApiError(400, 'badRequest', 'Bad content type. Please use multipart/related.');
  const mark = Buffer.from(`--${boundary}`);
  const starts: number[] = [];
  for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark, at + mark.length)) starts.push(at);
  const [first, second, third] = starts;
  if (first === undefined || second === undefined || third === undefined)
    throw new ApiError(400, 'badRequest', 'the upload is cut short');
  const part = (from: number, to: number): Buffer => {
    const head = body.indexOf('\r\n\r\n', from);
    return body.subarray(head + 4, to - 2);
  };
  return { json: part(first, second), media: part(second, third) };
}
