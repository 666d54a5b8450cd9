import type { RegistryCredentials } from '../registry-access.ts';
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
  /** OAuth2 refresh token, exchanged by POST for tokens of one scope each. */
  readonly identityToken: string | null;
  readonly #fixedHeader: string | null;
  readonly #sharesTokens: boolean;
  /** By the scope that was wanted, which the host may answer by asking for another one. */
  readonly #byWanted = new Map<string, Grant>();
  readonly #byScope = new Map<string, Grant>();
  #template: { realm: string; service: string | null } | null = null;
  #basicHeader: string | null = null;
  /** The grant last used, where one serves all repositories. */
  #shared: Grant | null = null;

  constructor(host: string, credentials: RegistryCredentials | undefined) {
    this.credentials = credentials !== undefined && 'username' in credentials ? credentials : null;
    this.identityToken = credentials === undefined ? null : identityTokenOf(credentials);
    this.#fixedHeader = credentials !== undefined && 'token' in credentials ? `Bearer ${credentials.token}` : null;
    this.#sharesTokens = credentials === undefined && SHARE_ANONYMOUS_TOKENS.has(host);
  }

  /** Whether configuration names credentials of any kind. */
  get hasCredentials(): boolean {
    return this.credentials !== null || this.#fixedHeader !== null || this.identityToken !== null;
  }

  /** Whether a token is configured, which cannot be exchanged for another. */
  get hasFixedToken(): boolean {
    return this.#fixedHeader !== null;
  }

  /** The header that is sent without asking anyone: a configured token, or Basic once the host was seen to want it. */
  get standing(): string | null {
    return this.#fixedHeader ?? this.#basicHeader;
  }

  /** Whether the host has asked for tokens so far. */
  get wantsTokens(): boolean {
    return this.#template !== null || this.#byWanted.size > 0;
  }

  /**
   * The grant to use for a scope at a time (milliseconds since the epoch), null as long as the host has not asked for one.
   * It may lack its token yet.
   */
  grantFor(wanted: string, now: number): Grant | null {
    const own = this.#byWanted.get(wanted);
    if (own !== undefined && isLive(own, now)) {
      this.#shared = own;
      return own;
    }
    if (this.#sharesTokens && (own === undefined || own.deniedUntil <= now)) {
      if (this.#shared !== null && isLive(this.#shared, now)) return this.#shared;
    }
    if (own !== undefined || this.#template === null) return own ?? null;
    // The host asked for a token for another repository before: that saves the request which would be answered by 401.
    const grant = this.#grant({ ...this.#template, scope: wanted });
    this.#remember(wanted, grant);
    return grant;
  }

  /** The grant that a Bearer challenge asks for, null where the challenge cannot be answered. */
  challenged(challenge: Challenge, wanted: string): Grant | null {
    const { realm, service = null, scope: asked } = challenge.params;
    if (realm === undefined || realm === '') return null;
    const scope = asked === undefined || asked === '' ? wanted : asked;
    if (scope === wanted) this.#template = { realm, service };
    const grant = this.#grant({ realm, service, scope });
    this.#remember(wanted, grant);
    return grant;
  }

  /** Answers a Basic challenge; null where there are no credentials. */
  basic(): string | null {
    if (this.credentials === null) return null;
    this.#basicHeader = basicHeader(this.credentials);
    return this.#basicHeader;
  }

  /** What is sent to an API of the registry's own that takes credentials without asking for them; null where there are none. */
  get direct(): string | null {
    return this.#fixedHeader ?? (this.credentials === null ? null : basicHeader(this.credentials));
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

  #remember(wanted: string, grant: Grant): void {
    if (this.#byWanted.size >= MAX_GRANTS || this.#byScope.size > MAX_GRANTS) {
      this.#byWanted.clear();
      this.#byScope.clear();
    }
    this.#byWanted.set(wanted, grant);
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

/** What is needed to read a repository's tags and manifests. */
export function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}

/** Azure's docker logins carry the identity token as the password of a user of this name; containerd's as `<token>`'s. */
const IDENTITY_USERS: ReadonlySet<string> = new Set(['00000000-0000-0000-0000-000000000000', '<token>']);

function identityTokenOf(credentials: RegistryCredentials): string | null {
  if ('identityToken' in credentials) return credentials.identityToken;
  return 'username' in credentials && IDENTITY_USERS.has(credentials.username) ? credentials.password : null;
}
