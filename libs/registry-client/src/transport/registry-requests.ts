import { parseChallenges } from '../auth/challenge.ts';
import { deny, HostAuthorization } from '../auth/host-authorization.ts';
import { accessDenied, type TokenAudience, type TokenFetcher } from '../auth/token-fetcher.ts';
import { Trouble } from '../failure.ts';
import type { RegistryAccess, RegistryAccessOf } from '../registry-access.ts';
import { type Delivery, Pace } from './delivery.ts';
import { apiUrlOf, type Origin, type Origins } from './endpoint.ts';
import { type Answer, single } from './exchange.ts';
import type { Operation } from './operation.ts';

/** Registries, and hosts that redirects led to, whose ways are remembered; beyond that all are learned anew. */
const MAX_HOSTS = 4096;

/** A request to a registry's API, before authorization. */
export interface ApiRequest {
  purpose: 'manifest' | 'tags';
  method: 'HEAD' | 'GET';
  /** Path and query at the registry. */
  path: string;
  /** Decides which token is sent. */
  repository: string;
  accept: string;
  /** Whether the answer may be compressed; never for manifests, whose bytes are hashed as they come. */
  gzip: boolean;
  maxBody: number;
}

export interface RegistryRequestsOptions {
  origins: Origins;
  delivery: Delivery;
  tokens: TokenFetcher;
  accessOf: RegistryAccessOf;
  userAgent: string;
  maxRedirects: number;
  now: () => Date;
}

/** A registry: where it is, what it wants, how fast it may be asked. */
interface Registry extends TokenAudience {
  origin: Origin;
  readonly pace: Pace;
}

/** Where the next request of a chain of redirects goes. */
interface Hop {
  readonly origin: Origin;
  readonly path: string;
  readonly audience: TokenAudience;
}

/** Sends requests to registries the way each wants to be asked: with tokens, along redirects, credentials staying at home. */
export class RegistryRequests {
  readonly #options: RegistryRequestsOptions;
  readonly #registries = new Map<string, Registry>();
  readonly #strangers = new Map<string, HostAuthorization>();

  constructor(options: RegistryRequestsOptions) {
    this.#options = options;
  }

  /**
   * The answer behind tokens and redirects, of any status but 401, a redirect and a rate limit. Throws `Trouble`, the
   * throttle's `RegistryFailure`, or the signal's reason.
   */
  async send(operation: Operation, request: ApiRequest): Promise<Answer> {
    const registry = this.#registry(operation.registry);
    let hop: Hop = { origin: registry.origin, path: request.path, audience: registry };
    let visited: string[] | null = null;
    let challengeAnswered = false;
    let header = await this.#knownHeader(operation, registry, hop.audience, request.repository);
    for (;;) {
      const answer = await this.#sendOnce(operation, registry, hop, request, header);
      const { status } = answer;
      if (status === 200) return answer;
      if (status === 401) {
        header = await this.#answerChallenge(operation, registry, hop, request, answer, header, challengeAnswered);
        challengeAnswered = true;
      } else if (isRedirect(status)) {
        visited ??= [];
        const next = this.#follow(registry, hop, answer, visited);
        if (next.audience !== hop.audience) {
          challengeAnswered = false;
          header = await this.#knownHeader(operation, registry, next.audience, request.repository);
        }
        hop = next;
      } else {
        return answer;
      }
    }
  }

  #registry(name: string): Registry {
    const known = this.#registries.get(name);
    if (known !== undefined && !known.origin.pool.closed) return known;
    const { origins, accessOf } = this.#options;
    const access = accessOf(name);
    const url = apiUrlOf(name, access);
    const origin = origins.open(url, access, 'registry');
    if (known !== undefined) {
      known.origin = origin;
      return known;
    }
    if (this.#registries.size >= MAX_HOSTS) this.#registries.clear();
    const authorization = new HostAuthorization(name, access.credentials);
    const registry: Registry = { host: url.host, access, origin, authorization, pace: new Pace() };
    this.#registries.set(name, registry);
    return registry;
  }

  #sendOnce(
    operation: Operation,
    registry: Registry,
    { origin, path }: Hop,
    request: ApiRequest,
    header: string | null,
  ): Promise<Answer> {
    const headers = ['accept', request.accept, 'user-agent', this.#options.userAgent];
    if (request.gzip) headers.push('accept-encoding', 'gzip');
    if (header !== null) headers.push('authorization', header);
    return this.#options.delivery.send(operation, registry.pace, origin, {
      purpose: request.purpose,
      method: request.method,
      path,
      headers,
      maxBody: request.maxBody,
    });
  }

  /** The Authorization header to send first, its token fetched anew where it is about to end. */
  #knownHeader(
    operation: Operation,
    registry: Registry,
    audience: TokenAudience,
    repository: string,
  ): string | null | Promise<string> {
    const { authorization } = audience;
    if (authorization.standing !== null) return authorization.standing;
    const now = this.#options.now().getTime();
    const grant = authorization.grantFor(repository, now);
    if (grant === null) return null;
    if (grant.refreshAt > now) return grant.header;
    if (grant.deniedUntil > now) throw new Trouble('unauthorized', accessDenied(authorization));
    return this.#options.tokens.renew(operation, registry.pace, audience, grant);
  }

  /** The header that a 401 asks for. A second 401, and one that nothing can be sent for, is final. */
  async #answerChallenge(
    operation: Operation,
    registry: Registry,
    { audience }: Hop,
    request: ApiRequest,
    answer: Answer,
    sent: string | null,
    final: boolean,
  ): Promise<string> {
    const { authorization } = audience;
    const denied = new Trouble('unauthorized', accessDenied(authorization));
    const now = this.#options.now().getTime();
    const challenges = parseChallenges(answer.headers['www-authenticate']);
    if (final) {
      const grant = authorization.grantFor(request.repository, now);
      if (grant !== null) deny(grant, now);
      throw denied;
    }
    for (const challenge of challenges) {
      if (challenge.scheme !== 'bearer') continue;
      if (authorization.hasFixedToken) throw denied;
      const grant = authorization.challenged(challenge, request.repository);
      if (grant === null) continue;
      if (grant.deniedUntil > now) throw denied;
      // Another operation may have fetched a new one in the meantime.
      if (grant.header !== null && grant.header !== sent && grant.refreshAt > now) return grant.header;
      return this.#options.tokens.renew(operation, registry.pace, audience, grant);
    }
    if (challenges.some(({ scheme }) => scheme === 'basic')) {
      const basic = authorization.basic();
      if (basic !== null && basic !== sent) return basic;
      throw authorization.hasCredentials
        ? denied
        : new Trouble('unauthorized', 'the registry wants a user name and password, and none are configured');
    }
    throw denied;
  }

  #follow(registry: Registry, hop: Hop, answer: Answer, visited: string[]): Hop {
    const here = hop.origin.url + hop.path;
    visited.push(here);
    const location = single(answer.headers.location);
    const url = location === undefined ? null : URL.parse(location, here);
    if (url === null) throw new Trouble('bad-answer', `${hop.origin.host} redirects without saying where to`);
    url.hash = '';
    if (visited.includes(url.href)) throw new Trouble('bad-answer', 'the registry redirects in a circle');
    if (visited.length > this.#options.maxRedirects) {
      throw new Trouble('bad-answer', `the registry redirects more than ${this.#options.maxRedirects} times`);
    }
    const path = url.pathname + url.search;
    // Credentials that a redirect once left behind are not taken up again: what sends the client back is not trusted with them.
    const home = url.host === registry.host && hop.audience === registry;
    const audience = home ? registry : this.#stranger(registry, url.host);
    return { origin: this.#options.origins.open(url, audience.access, 'redirect'), path, audience };
  }

  /** A host that a redirect led to: it is asked without credentials, whatever is configured for it. */
  #stranger(registry: Registry, host: string): TokenAudience {
    const access: RegistryAccess = host === registry.host ? registry.access : this.#options.origins.accessOf(host);
    let authorization = this.#strangers.get(host);
    if (authorization === undefined) {
      if (this.#strangers.size >= MAX_HOSTS) this.#strangers.clear();
      authorization = new HostAuthorization(host, undefined);
      this.#strangers.set(host, authorization);
    }
    return { host, access, authorization };
  }
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}
