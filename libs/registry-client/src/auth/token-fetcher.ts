import { printable } from '@dtm/oci';
import { Trouble } from '../failure.ts';
import type { Delivery, Pace } from '../transport/delivery.ts';
import type { Origins } from '../transport/endpoint.ts';
import { Operation } from '../transport/operation.ts';
import { abortable } from '../transport/pause.ts';
import type { RegistryAccess } from '../registry-access.ts';
import { basicHeader, deny, type Grant, type HostAuthorization } from './host-authorization.ts';
import { parseTokenAnswer } from './token-answer.ts';

/** The host that asked for a token. */
export interface TokenAudience {
  readonly host: string;
  readonly access: RegistryAccess;
  readonly authorization: HostAuthorization;
}

/** Fetches tokens from the services that registries name, one request per scope however many operations wait for it. */
export class TokenFetcher {
  readonly #delivery: Delivery;
  readonly #origins: Origins;
  readonly #userAgent: string;
  readonly #maxBody: number;
  readonly #now: () => Date;

  constructor(options: {
    delivery: Delivery;
    origins: Origins;
    userAgent: string;
    tokenBytes: number;
    now: () => Date;
  }) {
    this.#delivery = options.delivery;
    this.#origins = options.origins;
    this.#userAgent = options.userAgent;
    this.#maxBody = options.tokenBytes;
    this.#now = options.now;
  }

  /** Gives the grant a new token, and returns its Authorization header. Throws `Trouble`. */
  async renew(operation: Operation, pace: Pace, audience: TokenAudience, grant: Grant): Promise<string> {
    // Shared with operations that outlive this one: its abort does not end the fetch.
    grant.pending ??= this.#fetch(operation, pace, audience, grant).finally(() => {
      grant.pending = null;
    });
    await abortable(grant.pending, operation.signal);
    if (grant.header === null) throw new Error('a token was fetched and is not there');
    return grant.header;
  }

  async #fetch(operation: Operation, pace: Pace, audience: TokenAudience, grant: Grant): Promise<void> {
    const { credentials } = audience.authorization;
    const url = this.#urlOf(grant);
    const access = url.host === audience.host ? audience.access : this.#origins.accessOf(url.host);
    const origin = this.#origins.open(url, access, 'token service');
    const headers = ['accept', 'application/json', 'user-agent', this.#userAgent];
    if (credentials !== null) headers.push('authorization', basicHeader(credentials));
    const fetching = new Operation('token for', { registry: operation.registry }, operation.remainingMs, undefined);
    try {
      const answer = await this.#delivery.send(fetching, pace, origin, {
        purpose: 'token',
        method: 'GET',
        path: url.pathname + url.search,
        headers,
        maxBody: this.#maxBody,
      });
      if (answer.status === 401 || answer.status === 403) {
        deny(grant, this.#now().getTime());
        throw new Trouble('unauthorized', accessDenied(audience.authorization));
      }
      if (answer.status !== 200) throw tokenServiceTrouble(url, answer.status);
      const { token, refreshAt } = parseTokenAnswer(answer.body, answer.receivedAt.getTime());
      grant.header = `Bearer ${token}`;
      grant.refreshAt = refreshAt;
      grant.deniedUntil = 0;
    } finally {
      operation.requests += fetching.requests;
      operation.remainingMs = fetching.remainingMs;
    }
  }

  #urlOf({ request: { realm, service, scope } }: Grant): URL {
    const url = URL.parse(realm);
    if (url === null) {
      throw new Trouble('bad-answer', `the registry names a token service that is no address: "${printable(realm)}"`);
    }
    if (service !== null) url.searchParams.set('service', service);
    for (const part of scope.split(' ')) if (part !== '') url.searchParams.append('scope', part);
    return url;
  }
}

/** Registries do not tell a missing repository from a private one. */
export function accessDenied(authorization: HostAuthorization): string {
  return authorization.hasCredentials
    ? 'the registry denies access with the configured credentials: the repository is missing, or they do not open it'
    : 'the registry denies access: the repository is missing or private';
}

function tokenServiceTrouble(url: URL, status: number): Trouble {
  const host = printable(url.host);
  if (status >= 500) return new Trouble('server-error', `its token service ${host} answered ${status}`);
  if (status >= 300 && status < 400)
    return new Trouble('bad-answer', `its token service ${host} redirects, which is not followed`);
  return new Trouble('bad-answer', `its token service ${host} answered ${status}`);
}
