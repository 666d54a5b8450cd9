import { type Challenge, parseChallenges } from '../auth/challenge.ts';
import { deny, HostAuthorization, pullScope } from '../auth/host-authorization.ts';
import { accessDenied, type TokenAudience, type TokenFetcher } from '../auth/token-fetcher.ts';
import { Trouble } from '../failure.ts';
import type { RegistryAccess, RegistryAccessOf } from '../registry-access.ts';
import { type Delivery, Pace, type RequestPurpose } from './delivery.ts';
import { apiUrlOf, type Origin, type Origins } from './endpoint.ts';
import { type Answer, type Method, single } from './exchange.ts';
import type { Operation } from './operation.ts';

/** Registries, and hosts that redirects led to, whose ways are remembered; beyond that all are learned anew. */
const MAX_HOSTS = 4096;

/**
 * How a request shows who asks. `challenge`: as the registry asks for it, with tokens. `credentials`: with the registry's
 * credentials at once, if there are any. `none`: not at all. A header is sent as it is, to the host of the request only.
 */
export type Authorization = 'challenge' | 'credentials' | 'none' | { header: string };

/** A request to a registry's API, before authorization. */
export interface ApiRequest {
  purpose: RequestPurpose;
  method: Method;
  /** Path and query. */
  path: string;
  /** Where an API of the registry's lies at another host: its origin. It gets no credentials but a header that is given here. */
  at?: URL | undefined;
  /** Decides which token is sent. */
  repository: string;
  /** The scope to ask a token for, where the registry does not name one. Default: to pull from the repository. */
  scope?: string | undefined;
  /** Default `challenge`. With any other, an answer of 401 is returned as it is. */
  authorization?: Authorization | undefined;
  accept: string;
  /** Further headers, names and values in turn. */
  headers?: string[] | undefined;
  body?: string | undefined;
  /** Whether the answer may be compressed; never for manifests, whose bytes are hashed as they come. */
  gzip: boolean;
  maxBody: number;
  ownLimits?: boolean | undefined;
}

/** What a registry has shown of itself in its answers, by which its kind can be told. */
export interface RegistryTraits {
  /** Names of headers that only one kind of registry sends. */
  readonly headers: ReadonlySet<string>;
  /** The Bearer challenge that it sent last. */
  readonly challenge: { realm: string; service: string } | null;
}

/** Headers that tell a registry's kind. */
const TELLING_HEADERS = ['x-jfrog-version', 'x-harbor-csrf-token'] as const;

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
  readonly telling: Set<string>;
  challenge: { realm: string; service: string } | null;
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
    let hop = this.#firstHop(registry, request);
    let visited: string[] | null = null;
    let challengeAnswered = false;
    const { authorization = 'challenge' } = request;
    const answersChallenges = authorization === 'challenge';
    let header: string | null = null;
    if (answersChallenges) {
      const known = this.#knownHeader(operation, registry, hop.audience, request);
      header = known instanceof Promise ? await known : known;
    } else if (authorization === 'credentials' && hop.audience === registry) {
      header = registry.authorization.direct;
    } else if (typeof authorization === 'object') {
      header = authorization.header;
    }
    for (;;) {
      const answer = await this.#sendOnce(operation, registry, hop, request, header);
      const { status } = answer;
      if (hop.audience === registry) noteHeaders(registry, answer);
      if (status === 200) return answer;
      if (status === 401) {
        if (!answersChallenges) return answer;
        header = await this.#answerChallenge(operation, registry, hop, request, answer, header, challengeAnswered);
        challengeAnswered = true;
      } else if (isRedirect(status)) {
        // What was posted is meant for the host that it was posted to.
        if (request.method === 'POST') throw new Trouble('bad-answer', `${hop.origin.host} redirects a POST`);
        visited ??= [];
        const next = this.#follow(registry, hop, answer, visited);
        if (next.audience.authorization !== hop.audience.authorization) {
          challengeAnswered = false;
          header = answersChallenges ? await this.#knownHeader(operation, registry, next.audience, request) : null;
        }
        hop = next;
      } else {
        return answer;
      }
    }
  }

  /** What a registry has shown of itself so far; null where it was not asked yet. */
  traitsOf(name: string): RegistryTraits | null {
    const registry = this.#registries.get(name);
    return registry === undefined ? null : { headers: registry.telling, challenge: registry.challenge };
  }

  #firstHop(registry: Registry, { at, path }: ApiRequest): Hop {
    if (at === undefined) return { origin: registry.origin, path, audience: registry };
    const audience = this.#stranger(registry, at.host);
    return { origin: this.#options.origins.open(at, audience.access, 'registry'), path, audience };
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
    const registry: Registry = {
      host: url.host,
      access,
      origin,
      authorization,
      pace: new Pace(),
      telling: new Set(),
      challenge: null,
    };
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
    if (request.headers !== undefined) headers.push(...request.headers);
    if (header !== null) headers.push('authorization', header);
    return this.#options.delivery.send(operation, registry.pace, origin, {
      purpose: request.purpose,
      method: request.method,
      path,
      headers,
      body: request.body,
      maxBody: request.maxBody,
      ownLimits: request.ownLimits,
    });
  }

  /** The Authorization header to send first, its token fetched anew where it is about to end. */
  #knownHeader(
    operation: Operation,
    registry: Registry,
    audience: TokenAudience,
    request: ApiRequest,
  ): string | null | Promise<string> {
    const { authorization } = audience;
    if (authorization.standing !== null) return authorization.standing;
    if (!authorization.wantsTokens) return null;
    const now = this.#options.now().getTime();
    const grant = authorization.grantFor(scopeOf(request), now);
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
    if (audience === registry) noteChallenge(registry, challenges);
    if (final) {
      const grant = authorization.grantFor(scopeOf(request), now);
      if (grant !== null) deny(grant, now);
      throw denied;
    }
    for (const challenge of challenges) {
      if (challenge.scheme !== 'bearer') continue;
      if (authorization.hasFixedToken) throw denied;
      const grant = authorization.challenged(challenge, scopeOf(request));
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

function scopeOf({ scope, repository }: ApiRequest): string {
  return scope ?? pullScope(repository);
}

function noteHeaders(registry: Registry, answer: Answer): void {
  for (const name of TELLING_HEADERS) if (answer.headers[name] !== undefined) registry.telling.add(name);
}

function noteChallenge(registry: Registry, challenges: readonly Challenge[]): void {
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
  if (bearer === undefined) return;
  const { realm = '', service = '' } = bearer.params;
  registry.challenge = { realm, service };
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}
