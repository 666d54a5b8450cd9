import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { digestOf, manifestOf, MEDIA_TYPE } from '../bench/manifests.mjs';

/** What a tag pointed to, and when, by this process's clock; `until` is null for what it points to now. */
export interface Served {
  digest: string;
  from: number;
  until: number | null;
}

/** A registry that keeps book of what it serves: its tags change at command, each version with a digest of its own. */
export class ChangingRegistry {
  /** `127.0.0.1:port` */
  readonly host: string;
  readonly #server: Server;
  readonly #versions = new Map<string, Map<string, number>>();
  readonly #served = new Map<string, Served[]>();
  /** By `repository@digest`. */
  readonly #manifests = new Map<string, string>();

  readonly #authorization: string | null;

  private constructor(server: Server, authorization: string | null) {
    this.#server = server;
    this.#authorization = authorization;
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response));
  }

  /** With an `Authorization` header that it wants, or open to all. */
  static async start(authorization: string | null = null): Promise<ChangingRegistry> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ChangingRegistry(server, authorization);
  }

  /** Points a tag to a version of it; the same version always has the same digest. */
  set(repository: string, tag: string, version: number): void {
    const now = Date.now();
    const digest = digestOf(repository, tag, version);
    const served = this.served(repository, tag);
    const last = served.at(-1);
    if (last?.digest === digest) return;
    if (last !== undefined) last.until = now;
    served.push({ digest, from: now, until: null });
    this.#served.set(`${repository}:${tag}`, served);
    this.#manifests.set(`${repository}@${digest}`, manifestOf(repository, tag, version));
    const tags = this.#versions.get(repository) ?? new Map<string, number>();
    this.#versions.set(repository, tags.set(tag, version));
  }

  /** What a tag pointed to, oldest first. */
  served(repository: string, tag: string): Served[] {
    return this.#served.get(`${repository}:${tag}`) ?? [];
  }

  /** Every tag, as `[repository, tag]`. */
  tags(): [repository: string, tag: string][] {
    return [...this.#versions].flatMap(([repository, tags]) =>
      [...tags.keys()].map((tag): [string, string] => [repository, tag]),
    );
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.#authorization !== null && request.headers.authorization !== this.#authorization) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end();
      return;
    }
    const { pathname } = new URL(request.url ?? '', 'http://registry');
    const [, repository = '', name = ''] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(pathname) ?? [];
    const digest = name.includes(':') ? name : (this.served(repository, name).at(-1)?.digest ?? '');
    const manifest = this.#manifests.get(`${repository}@${digest}`);
    if (manifest !== undefined) {
      const headers = {
        'content-type': MEDIA_TYPE,
        'content-length': String(Buffer.byteLength(manifest)),
        'docker-content-digest': digest,
      };
      response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : manifest);
      return;
    }
    const listed = this.#versions.get(/^\/v2\/(.+)\/tags\/list$/.exec(pathname)?.[1] ?? '');
    if (listed === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[]}');
      return;
    }
    const body = JSON.stringify({ tags: [...listed.keys()] });
    response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  }
}
