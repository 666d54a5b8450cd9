import type { RegistryAccess } from '../registry-access.ts';
import type { Challenge } from './challenge.ts';

/** Grants of one host that are remembered; beyond that all are forgotten and asked for anew. */
const MAX_GRANTS = 10_000;
/** A refusal is not asked about again for so long: the other tags of a private repository need not cost three requests each. */
const DENIAL_MS = 15_000;

/** Hosts whose anonymous tokens open every public repository, so that one token serves all. */
const SHARE_ANONYMOUS_TOKENS: ReadonlySet<string> = new Set(['ghcr.io', 'lscr.io']);

/** What a token service has to be asked, from a Bearer challenge. */
export interface TokenRequest {
  realm: string;
  service: string | null;
  scope: string;
}

/** The token of one scope at one host. */
export interface Grant {
  readonly request: TokenRequest;
  /** Value of the Authorization header; null where there is none yet. */
  header: string | null;
  /** Milliseconds since the epoch from which a new token is fetched first, before the old one ends. */
  refreshAt: number;
  /** Milliseconds since the epoch until which access is known to be denied. */
  deniedUntil: number;
  /** The fetch under way, shared by all that wait for it. */
  pending: Promise<void> | null;
}

/**
 * What one host has been shown to want: nothing, Basic, or Bearer tokens by scope. Holds the only reference to the host's
 * credentials; a host that a redirect led to gets none.
 */
export class HostAuthorization {
  readonly credentials: { username: string; password: string } | null;
  readonly #fixedHeader: string | null;
  readonly #sharesTokens: boolean;
  readonly #byRepository = new Map<string, Grant>();
  readonly #byScope = new Map<string, Grant>();
  #template: { realm: string; service: string | null } | null = null;
  #basicHeader: string | null = null;
  /** The grant last used, where one serves all repositories. */
  #shared: Grant | null = null;

  constructor(host: string, credentials: RegistryAccess['credentials']) {
    this.credentials = credentials !== undefined && 'username' in credentials ? credentials : null;
    this.#fixedHeader = credentials !== undefined && 'token' in credentials ? `Bearer ${credentials.token}` : null;
    this.#sharesTokens = credentials === undefined && SHARE_ANONYMOUS_TOKENS.has(host);
  }

  /** Whether configuration names credentials of any kind. */
  get hasCredentials(): boolean {
    return this.credentials !== null || this.#fixedHeader !== null;
  }

  /** Whether a token is configured, which cannot be exchanged for another. */
  get hasFixedToken(): boolean {
    return this.#fixedHeader !== null;
  }

  /** The header that is sent without asking anyone: a configured token, or Basic once the host was seen to want it. */
  get standing(): string | null {
    return this.#fixedHeader ?? this.#basicHeader;
  }

  /**
   * The grant to use for a repository at a time (milliseconds since the epoch), null as long as the host has not asked for
   * one. It may lack its token yet.
   */
  grantFor(repository: string, now: number): Grant | null {
    const own = this.#byRepository.get(repository);
    if (own !== undefined && isLive(own, now)) {
      this.#shared = own;
      return own;
    }
    if (this.#sharesTokens && (own === undefined || own.deniedUntil <= now)) {
      if (this.#shared !== null && isLive(this.#shared, now)) return this.#shared;
    }
    if (own !== undefined || this.#template === null) return own ?? null;
    // The host asked for a token for another repository before: that saves the request which would be answered by 401.
    const grant = this.#grant({ ...this.#template, scope: pullScope(repository) });
    this.#remember(repository, grant);
    return grant;
  }

  /** The grant that a Bearer challenge asks for, null where the challenge cannot be answered. */
  challenged(challenge: Challenge, repository: string): Grant | null {
    const { realm, service = null, scope: asked } = challenge.params;
    if (realm === undefined || realm === '') return null;
    const scope = asked === undefined || asked === '' ? pullScope(repository) : asked;
    if (scope === pullScope(repository)) this.#template = { realm, service };
    const grant = this.#grant({ realm, service, scope });
    this.#remember(repository, grant);
    return grant;
  }

  /** Answers a Basic challenge; null where there are no credentials. */
  basic(): string | null {
    if (this.credentials === null) return null;
    this.#basicHeader = basicHeader(this.credentials);
    return this.#basicHeader;
  }

  #grant(request: TokenRequest): Grant {
    const key = `${request.realm} ${request.service ?? ''} ${request.scope}`;
    let grant = this.#byScope.get(key);
    if (grant === undefined) {
      grant = { request, header: null, refreshAt: 0, deniedUntil: 0, pending: null };
      this.#byScope.set(key, grant);
    }
    return grant;
  }

  #remember(repository: string, grant: Grant): void {
    if (this.#byRepository.size >= MAX_GRANTS || this.#byScope.size > MAX_GRANTS) {
      this.#byRepository.clear();
      this.#byScope.clear();
    }
    this.#byRepository.set(repository, grant);
  }
}

export function basicHeader({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

export function deny(grant: Grant, now: number): void {
  grant.deniedUntil = now + DENIAL_MS;
}

/** Whether the grant has a token that need not be renewed yet. */
function isLive(grant: Grant, now: number): boolean {
  return grant.header !== null && grant.refreshAt > now;
}

function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}
