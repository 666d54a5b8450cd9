import { isIP, type LookupFunction } from 'node:net';
import { DOCKER_HUB, printable } from '@dtm/oci';
import { Pool } from 'undici';
import { Trouble } from '../failure.ts';
import type { Limits } from '../limits.ts';
import type { RegistryAccess, RegistryAccessOf } from '../registry-access.ts';
import { nonPublicKind } from './address-kinds.ts';
import { guardedConnector } from './guarded-connector.ts';

/** Idle connections are kept this long where the server does not say otherwise. */
const KEEP_ALIVE_MS = 30_000;
/** Origins kept open; hostile redirects can name any number of them. */
const MAX_ORIGINS = 512;

/** What leads to an origin: the registry itself, or something that it sent. */
export type OriginRole = 'registry' | 'redirect' | 'token service';

/** A scheme, host and port that requests are sent to, with its own connections. */
export interface Origin {
  /** `https://registry-1.docker.io` */
  readonly url: string;
  /** `host[:port]`, the port left out where it is the scheme's own. */
  readonly host: string;
  readonly pool: Pool;
  /** Set once the server was seen to send a body after HEAD: its connections cannot be kept. */
  resetAfterHead: boolean;
}

export interface OriginsOptions {
  accessOf: RegistryAccessOf;
  limits: Limits;
  connections: number;
  resolve: LookupFunction;
}

/** Where a registry's API is served: Docker Hub's is at another host than its name says. */
export function apiUrlOf(registry: string, access: RegistryAccess): URL {
  const host = registry === DOCKER_HUB ? 'registry-1.docker.io' : registry;
  const url = URL.parse(`${access.plainHttp ? 'http' : 'https'}://${host}/`);
  if (url === null || url.pathname !== '/' || url.username !== '') {
    throw new Trouble('refused', `"${printable(registry)}" is not a host that can be asked`);
  }
  const written = hostnameOf(host);
  const dialled = bare(url.hostname);
  // Resolvers and URL parsers read 127.1, 0x7f000001 or 0177.0.0.1 as addresses; whoever means one writes it plainly.
  if (isIP(dialled) !== 0 && dialled !== written) {
    const kind = nonPublicKind(dialled);
    const what = kind === null ? dialled : `${dialled}, ${kind}`;
    throw new Trouble('refused', `"${printable(registry)}" is another spelling of ${what}, and is not asked`);
  }
  return url;
}

/** Opens origins, one pool of kept connections each, after a check of scheme and host. */
export class Origins {
  readonly #options: OriginsOptions;
  readonly #open = new Map<string, Origin>();

  constructor(options: OriginsOptions) {
    this.#options = options;
  }

  /** The origin of a URL. `access` is that of the host itself; throws `Trouble` of code `refused` where it forbids the URL. */
  open(url: URL, access: RegistryAccess, role: OriginRole): Origin {
    checkUrl(url, access, role);
    const key = url.origin;
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    if (this.#open.size >= MAX_ORIGINS) this.#closeIdle();
    const origin: Origin = { url: key, host: url.host, pool: this.#pool(key, access), resetAfterHead: false };
    this.#open.set(key, origin);
    return origin;
  }

  /** Access of a host that a registry named: what configuration says of that very `host[:port]`. */
  accessOf(host: string): RegistryAccess {
    return this.#options.accessOf(host === 'registry-1.docker.io' ? DOCKER_HUB : host);
  }

  /** Requests under way are broken off. */
  async close(): Promise<void> {
    const origins = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(origins.map((origin) => origin.pool.destroy()));
  }

  #pool(origin: string, access: RegistryAccess): Pool {
    const { limits, connections, resolve } = this.#options;
    return new Pool(origin, {
      connections,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: limits.headerBytes,
      // Each exchange has a timer of its own over the whole of it.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: guardedConnector({
        privateAddresses: access.privateAddresses,
        connectMs: limits.connectMs,
        resolve,
        ca: access.ca,
      }),
    });
  }

  #closeIdle(): void {
    for (const [key, { pool }] of this.#open) {
      if (this.#open.size < MAX_ORIGINS) return;
      if (pool.stats.size > 0) continue;
      this.#open.delete(key);
      void pool.close();
    }
  }
}

function checkUrl(url: URL, access: RegistryAccess, role: OriginRole): void {
  const host = printable(url.host);
  const named = role === 'registry' ? host : `the ${role === 'redirect' ? 'redirect target' : role} ${host}`;
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new Trouble('refused', `${named} is to be asked by "${printable(url.protocol)}", which is not HTTPS`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new Trouble('refused', `the address of ${named} holds a user name or password`);
  }
  if (url.protocol === 'http:' && !access.plainHttp) {
    throw new Trouble('refused', `${named} is to be asked by plain HTTP: list it in INSECURE_REGISTRIES to allow it`);
  }
  if (access.privateAddresses) return;
  const hostname = bare(url.hostname);
  const kind = isLocalhost(hostname) ? 'a loopback address' : isIP(hostname) === 0 ? null : nonPublicKind(hostname);
  if (kind !== null) {
    throw new Trouble('refused', `${named} is ${kind}: list it in INSECURE_REGISTRIES to allow it`);
  }
}

/** RFC 6761: these names are loopback whatever a resolver says. */
function isLocalhost(hostname: string): boolean {
  const name = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
  return name === 'localhost' || name.endsWith('.localhost');
}

function hostnameOf(host: string): string {
  const portAt = host.endsWith(']') ? -1 : host.lastIndexOf(':');
  return bare(portAt < 0 ? host : host.slice(0, portAt));
}

function bare(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
