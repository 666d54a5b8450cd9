import { printable } from '@dtm/oci';
import { Trouble } from '../failure.ts';
import type { Delivery, Pace } from '../transport/delivery.ts';
import type { Origins } from '../transport/endpoint.ts';
import type { Answer } from '../transport/exchange.ts';
import { Operation } from '../transport/operation.ts';
import { abortable } from '../transport/pause.ts';
import type { RegistryAccess } from '../registry-access.ts';
import { basicHeader, deny, type Grant, type HostAuthorization } from './host-authorization.ts';
import { parseTokenAnswer } from './token-answer.ts';

/** OAuth2 wants one; it is not a secret. */
const CLIENT_ID = 'docker-tag-monitor';

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
    const url = realmOf(grant);
    const fetching = new Operation('token for', { registry: operation.registry }, operation.remainingMs, undefined);
    try {
      const answer = await this.#ask(fetching, pace, audience, grant, url);
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

  /** By GET, as the distribution spec has it; with an identity token by POST, as OAuth2 has it. */
  async #ask(operation: Operation, pace: Pace, audience: TokenAudience, grant: Grant, realm: URL): Promise<Answer> {
    const { credentials, identityToken } = audience.authorization;
    const access = realm.host === audience.host ? audience.access : this.#origins.accessOf(realm.host);
    const origin = this.#origins.open(realm, access, 'token service');
    const { service, scope } = grant.request;
    const headers = ['accept', 'application/json', 'user-agent', this.#userAgent];
    const common = { purpose: 'token', maxBody: this.#maxBody } as const;
    if (identityToken !== null) {
      const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: CLIENT_ID, scope });
      if (service !== null) form.set('service', service);
      form.set('refresh_token', identityToken);
      const answer = await this.#delivery.send(operation, pace, origin, {
        ...common,
        method: 'POST',
        path: realm.pathname + realm.search,
        headers: [...headers, 'content-type', 'application/x-www-form-urlencoded'],
        body: form.toString(),
      });
      // A service without OAuth2 may still know the user that the identity token belongs to.
      if ((answer.status !== 404 && answer.status !== 405) || credentials === null) return answer;
    }
    if (credentials !== null) headers.push('authorization', basicHeader(credentials));
    const url = new URL(realm);
    if (service !== null) url.searchParams.set('service', service);
    for (const part of scope.split(' ')) if (part !== '') url.searchParams.append('scope', part);
    const path = url.pathname + url.search;
    return this.#delivery.send(operation, pace, origin, { ...common, method: 'GET', path, headers });
  }
}

function realmOf({ request: { realm } }: Grant): URL {
  const url = URL.parse(realm);
  if (url === null) {
    throw new Trouble('bad-answer', `the registry names a token service that is no address: "${printable(realm)}"`);
  }
  return url;
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
