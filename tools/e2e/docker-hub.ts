import { createServer, type Server } from 'node:https';
import { request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { selfSignedCertificate } from '@dtm/registry-client/testing';
import type { RunningRegistry } from '@dtm/testing';

const API = 'hub.docker.com';
const REGISTRY = 'registry-1.docker.io';

/** An official image as Docker Hub's API tells of it. */
export interface OfficialImage {
  name: string;
  pulls: number;
  tags: { name: string; digest: string; mediaType: string; pushedAt: string }[];
}

/**
 * Docker Hub on this machine: its API is scripted, what is asked of its registry is answered by a real one. A request that is
 * neither is told by `verify`.
 */
export class DockerHub {
  /** Paths of the API that were asked for, in order. */
  readonly asked: string[] = [];
  readonly #unexpected: string[] = [];

  private constructor(
    private readonly server: Server,
    private readonly folder: string,
    private readonly registry: RunningRegistry,
    private readonly images: OfficialImage[],
  ) {
    server.on('request', (request, response) => this.#answer(request, response));
  }

  static async start(registry: RunningRegistry, images: OfficialImage[]): Promise<DockerHub> {
    const certificate = selfSignedCertificate([API, REGISTRY]);
    const server = createServer(certificate);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const folder = await mkdtemp(join(tmpdir(), 'dtm-docker-hub-'));
    const trust = { ca: certificate.cert, privateAddresses: true };
    await writeFile(join(folder, 'registries.yml'), JSON.stringify({ 'docker.io': trust, [API]: trust }));
    return new DockerHub(server, folder, registry, images);
  }

  /** Configuration of a system that takes this for Docker Hub. */
  get env(): Record<string, string> {
    const routing = pathToFileURL(join(import.meta.dirname, 'docker-hub-here.mjs')).href;
    return {
      REGISTRIES_FILE: join(this.folder, 'registries.yml'),
      DOCKER_HUB_PORT: String((this.server.address() as AddressInfo).port),
      NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${routing}`.trim(),
    };
  }

  /** Throws where something was asked that Docker Hub is not known to answer. */
  verify(): void {
    if (this.#unexpected.length > 0) throw new Error(`Docker Hub was asked for:\n${this.#unexpected.join('\n')}`);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await rm(this.folder, { recursive: true, force: true });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { headers, method = '', url = '' } = request;
    if (headers.host === REGISTRY && /^\/v2\/(library\/[^/]+\/manifests\/[^/]+)?$/.test(url)) {
      return this.#forward(request, response);
    }
    const body = headers.host === API && method === 'GET' ? this.#told(new URL(url, `https://${API}`)) : undefined;
    if (body === undefined) this.#unexpected.push(`${method} ${headers.host ?? ''}${url}`);
    else this.asked.push(url);
    response.writeHead(body === undefined ? 500 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? {}));
  }

  #told({ pathname, searchParams }: URL): object | undefined {
    if (pathname === '/v2/repositories/library/' && searchParams.get('ordering') === 'pull_count') {
      const results = this.images.map(({ name, pulls }) => ({ name, namespace: 'library', pull_count: pulls }));
      return { count: results.length, next: null, results };
    }
    const [, name, one] = /^\/v2\/repositories\/library\/([^/]+)\/tags\/([^/]*)$/.exec(pathname) ?? [];
    const tags = this.images.find((image) => image.name === name)?.tags.map(rowOf);
    if (one !== '') return tags?.find((tag) => tag.name === one);
    return tags && { count: tags.length, next: null, results: tags };
  }

  #forward(request: IncomingMessage, response: ServerResponse): void {
    const { method, url: path } = request;
    const [host, port] = this.registry.host.split(':');
    const headers = { accept: request.headers.accept };
    const onward = ask({ host, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    onward.end();
  }
}

function rowOf({ name, digest, mediaType, pushedAt }: OfficialImage['tags'][number]): {
  name: string;
  [field: string]: unknown;
} {
  const images = [{ architecture: 'amd64', os: 'linux', digest, size: 1_000 }];
  const times = { last_updated: pushedAt, tag_last_pushed: pushedAt };
  return { name, digest, media_type: mediaType, content_type: 'image', images, ...times };
}
