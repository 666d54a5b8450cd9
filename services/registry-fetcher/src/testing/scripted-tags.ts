import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** What a request for a tag gets: the digest of a content, a status, an answer that is held back, or none at all. */
export type TagScript =
  | { content: string }
  | { status: number; headers?: Record<string, string> }
  /** Looked up when the request comes, answered when `release` resolves. */
  | { held: TagScript; release: Promise<void>; onRequest?: () => void }
  | 'hang';

/**
 * A registry by script, for what a real one does not do at command: limit, fail, hang, be slow. A request that no script
 * expects is answered by 500 and fails the test in `verify`.
 */
export class ScriptedTags {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** By `repository:tag`. */
  readonly tags = new Map<string, TagScript>();
  /** The answer to a listing, by repository. */
  readonly listings = new Map<string, { status: number; body: string; headers?: Record<string, string> }>();
  /** Paths of the requests, in order. */
  readonly seen: string[] = [];
  readonly #server: Server;
  readonly #unexpected: string[] = [];

  private constructor(server: Server) {
    this.#server = server;
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response));
  }

  static async start(): Promise<ScriptedTags> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ScriptedTags(server);
  }

  /** Throws where a request was not expected. */
  verify(): void {
    if (this.#unexpected.length > 0) throw new Error(`unexpected requests: ${this.#unexpected.join(', ')}`);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://registry');
    this.seen.push(`${request.method ?? ''} ${url.pathname}`);
    const [, repository = '', tag = ''] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(url.pathname) ?? [];
    const script = this.tags.get(`${repository}:${tag}`);
    if (script !== undefined) {
      play(script, response);
      return;
    }
    const listing = this.listings.get(/^\/v2\/(.+)\/tags\/list$/.exec(url.pathname)?.[1] ?? '');
    if (listing !== undefined) {
      response.writeHead(listing.status, { 'content-type': 'application/json', ...listing.headers }).end(listing.body);
      return;
    }
    this.#unexpected.push(`${request.method ?? ''} ${request.url ?? ''}`);
    response.writeHead(500).end();
  }
}

/** The digest that a scripted content has. */
export function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function play(script: TagScript, response: ServerResponse): void {
  if (script === 'hang') return;
  if ('held' in script) {
    script.onRequest?.();
    void script.release.then(() => play(script.held, response));
    return;
  }
  if ('status' in script) {
    response.writeHead(script.status, script.headers).end();
    return;
  }
  const headers = {
    'content-type': MEDIA_TYPE,
    'content-length': '1000',
    'docker-content-digest': digestOf(script.content),
  };
  response.writeHead(200, headers).end();
}
