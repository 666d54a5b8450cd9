import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { type Digest, MANIFEST_ACCEPT, type Reference, type RepositoryName } from '@dtm/oci';
import { ApiAnswer, type ApiQuestion, type ApiSubject } from './api-question.ts';
import { TokenFetcher } from './auth/token-fetcher.ts';
import { Trouble } from './failure.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { manifestHeaders, type VerifiedManifest, verifyManifest } from './manifest.ts';
import type { RegistryAccessOf } from './registry-access.ts';
import { statusTrouble } from './status-trouble.ts';
import { firstPage, listLimit, nextPage, parsePage } from './tag-listing.ts';
import { TagNames } from './tag-names.ts';
import type { Throttle } from './throttle.ts';
import { Delivery, type RateLimitRetry, type RequestInfo } from './transport/delivery.ts';
import { apiUrlOf, Origins } from './transport/endpoint.ts';
import type { Answer } from './transport/exchange.ts';
import { KnownPaces } from './transport/known-paces.ts';
import { Operation } from './transport/operation.ts';
import { RegistryRequests, type RegistryTraits } from './transport/registry-requests.ts';

export interface RegistryClientOptions {
  accessOf: RegistryAccessOf;
  throttle: Throttle;
  retry: RateLimitRetry;
  /** Sent with every request; should name a contact. */
  userAgent?: string;
  /** Connections kept to each host. Default 16. */
  connectionsPerRegistry?: number;
  limits?: Partial<Limits>;
  /**
   * Whether rates that registries are known to allow are kept beside the throttle's. Default true; false for the few
   * questions that a person waits for, which must not queue behind scans.
   */
  keepsKnownPaces?: boolean;
  now?: () => Date;
  /** Name resolution; what it answers is checked before it is dialled. */
  resolve?: LookupFunction;
  /** Called after every request that was sent, for metrics; must not throw. */
  onRequest?: (registry: string, info: RequestInfo) => void;
}

/**
 * What a registry answered about one tag. `sentAt` is when the request was sent that brought the answer, after tokens and
 * redirects; `receivedAt` is when the answer's headers arrived. `requests` counts all that were sent for it.
 */
export type Observation =
  | {
      outcome: 'present';
      digest: Digest;
      mediaType: string;
      /** `get`: HEAD named no digest, so the manifest was fetched and hashed. */
      source: 'head' | 'get';
      sentAt: Date;
      receivedAt: Date;
      requests: number;
    }
  | { outcome: 'absent'; sentAt: Date; receivedAt: Date; requests: number };

export interface TagList {
  /** Valid tags, each once, in the registry's order; as many as are kept. */
  tags: string[];
  /**
   * False where the registry did not show the end of its list, or that was too long to be kept: nothing may be concluded
   * from a tag's absence.
   */
  complete: boolean;
  requests: number;
}

export type ManifestAnswer =
  | ({ outcome: 'present'; sentAt: Date; receivedAt: Date; requests: number } & VerifiedManifest)
  | { outcome: 'absent'; sentAt: Date; receivedAt: Date; requests: number };

export interface CallOptions {
  /** Ends the call; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Asks registries by the OCI distribution protocol. Its failures are `RegistryFailure`s. */
export class RegistryClient {
  readonly #limits: Limits;
  readonly #accessOf: RegistryAccessOf;
  readonly #origins: Origins;
  readonly #requests: RegistryRequests;

  constructor(options: RegistryClientOptions) {
    const { accessOf, throttle, retry, onRequest, now = () => new Date(), userAgent = 'docker-tag-monitor' } = options;
    const paces = options.keepsKnownPaces === false ? null : KnownPaces.ofThisProcess;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#accessOf = accessOf;
    this.#origins = new Origins({
      accessOf,
      limits: this.#limits,
      connections: options.connectionsPerRegistry ?? 16,
      resolve: options.resolve ?? lookup,
    });
    const delivery = new Delivery({ throttle, retry, now, onRequest, paces });
    const tokens = new TokenFetcher({
      delivery,
      origins: this.#origins,
      userAgent,
      tokenBytes: this.#limits.tokenBytes,
      now,
    });
    this.#requests = new RegistryRequests({
      origins: this.#origins,
      delivery,
      tokens,
      accessOf,
      userAgent,
      maxRedirects: this.#limits.redirects,
      now,
    });
  }

  /** The digest of a tag at present, by HEAD; by GET and hash where HEAD names none. */
  async observe(reference: Reference, options?: CallOptions): Promise<Observation> {
    const operation = new Operation('HEAD', reference, this.#limits.operationMs, options?.signal);
    try {
      const answer = await this.#manifest(operation, 'HEAD', reference.repository, reference.tag);
      const { status, sentAt, receivedAt } = answer;
      if (status === 404) return { outcome: 'absent', sentAt, receivedAt, requests: operation.requests };
      if (status === 200) {
        const named = manifestHeaders(answer);
        if (named !== null) {
          const { digest, mediaType } = named;
          return {
            outcome: 'present',
            digest,
            mediaType,
            source: 'head',
            sentAt,
            receivedAt,
            requests: operation.requests,
          };
        }
      } else if (status !== 405 && status !== 501) {
        throw statusTrouble(status);
      }
      const fetched = await this.#fetchManifest(operation, reference.repository, reference.tag, null);
      if (fetched.outcome === 'absent') return fetched;
      return {
        outcome: 'present',
        digest: fetched.digest,
        mediaType: fetched.mediaType,
        source: 'get',
        sentAt: fetched.sentAt,
        receivedAt: fetched.receivedAt,
        requests: fetched.requests,
      };
    } catch (error) {
      throw operation.failure(error);
    }
  }

  /** A manifest by its tag or digest, its bytes checked against its digest. Counts as a pull at Docker Hub. */
  async getManifest(
    name: RepositoryName,
    tagOrDigest: string | Digest,
    options?: CallOptions,
  ): Promise<ManifestAnswer> {
    const expected = tagOrDigest.includes(':') ? (tagOrDigest as Digest) : null;
    const target = {
      registry: name.registry,
      toString: () => `${name.toString()}${expected === null ? ':' : '@'}${tagOrDigest}`,
    };
    const operation = new Operation('GET', target, this.#limits.operationMs, options?.signal);
    try {
      return await this.#fetchManifest(operation, name.repository, tagOrDigest, expected);
    } catch (error) {
      throw operation.failure(error);
    }
  }

  /** All tags of a repository, page by page. A repository that does not exist is a failure of code `not-found`. */
  async listTags(name: RepositoryName, options?: CallOptions): Promise<TagList> {
    const operation = new Operation('list the tags of', name, this.#limits.listingMs, options?.signal);
    try {
      const host = this.hostOf(name.registry);
      const names = new TagNames();
      const asked = new Set<string>();
      const { bytes, values } = listLimit(name.registry, this.#limits);
      let left = bytes;
      let page: string | null = firstPage(name.registry, name.repository);
      while (page !== null && !asked.has(page) && asked.size < this.#limits.pages && !names.isCut) {
        asked.add(page);
        const answer = await this.#tagPage(operation, name.repository, page, left);
        // A cursor that names a tag deleted in the meantime is answered by 404 in some registries.
        if (answer.status === 404 && asked.size > 1) break;
        if (answer.status === 404) throw new Trouble('not-found', 'the registry has no such repository');
        if (answer.status !== 200) throw statusTrouble(answer.status);
        const read = parsePage(answer, { bytes: left, values });
        left -= read.bytes;
        for (const tag of read.tags) names.add(tag);
        page = nextPage(answer.headers.link, host, name.repository);
      }
      return { tags: names.toArray(), complete: page === null && !names.isCut, requests: operation.requests };
    } catch (error) {
      throw operation.failure(error);
    }
  }

  /**
   * Asks an API of the registry's own. `read` makes of its answer what is wanted; a `Trouble` that it throws becomes a
   * `RegistryFailure` that names the operation.
   */
  async ask<T>(
    subject: ApiSubject,
    question: ApiQuestion,
    read: (answer: ApiAnswer) => T,
    options?: CallOptions,
  ): Promise<T> {
    const operation = new Operation(question.operation, subject, this.#limits.operationMs, options?.signal);
    const { target, post, purpose = 'api', headers = [] } = question;
    const size = question.whole === true ? this.#limits.wholeList : this.#limits.apiPage;
    const limit = { ...size, bytes: question.maxBytes ?? size.bytes };
    try {
      const elsewhere = target instanceof URL;
      const answer = await this.#requests.send(operation, {
        purpose,
        method: post === undefined ? 'GET' : 'POST',
        path: elsewhere ? target.pathname + target.search : target,
        at: elsewhere ? target : undefined,
        repository: subject.repository,
        scope: question.scope,
        authorization: elsewhere && typeof question.authorization !== 'object' ? 'none' : question.authorization,
        accept: question.accept ?? 'application/json',
        headers: post === undefined ? headers : [...headers, 'content-type', 'application/json'],
        body: post === undefined ? undefined : JSON.stringify(post),
        gzip: purpose !== 'blob',
        maxBody: limit.bytes,
        ownLimits: question.ownLimits,
      });
      return read(new ApiAnswer(answer, limit, operation.requests));
    } catch (error) {
      throw operation.failure(error);
    }
  }

  /** What a registry has shown of its kind in its answers so far; null where it was not asked yet. */
  traitsOf(registry: string): RegistryTraits | null {
    return this.#requests.traitsOf(registry);
  }

  /** Host that a registry's API is served at, as Link headers name it. */
  hostOf(registry: string): string {
    return apiUrlOf(registry, this.#accessOf(registry)).host;
  }

  /** Closes all connections; calls under way fail. */
  close(): Promise<void> {
    return this.#origins.close();
  }

  #manifest(operation: Operation, method: 'HEAD' | 'GET', repository: string, tagOrDigest: string): Promise<Answer> {
    return this.#requests.send(operation, {
      purpose: 'manifest',
      method,
      path: `/v2/${repository}/manifests/${tagOrDigest}`,
      repository,
      accept: MANIFEST_ACCEPT,
      gzip: false,
      maxBody: this.#limits.manifestBytes,
    });
  }

  async #fetchManifest(
    operation: Operation,
    repository: string,
    tagOrDigest: string,
    expected: Digest | null,
  ): Promise<ManifestAnswer> {
    const answer = await this.#manifest(operation, 'GET', repository, tagOrDigest);
    const { status, sentAt, receivedAt } = answer;
    if (status === 404) return { outcome: 'absent', sentAt, receivedAt, requests: operation.requests };
    if (status !== 200) throw statusTrouble(status);
    const manifest = verifyManifest(answer, expected);
    return { outcome: 'present', ...manifest, sentAt, receivedAt, requests: operation.requests };
  }

  /** One page, within the time of one operation. */
  async #tagPage(operation: Operation, repository: string, path: string, maxBody: number): Promise<Answer> {
    const whole = operation.remainingMs;
    const allowed = Math.min(whole, this.#limits.operationMs);
    operation.remainingMs = allowed;
    try {
      return await this.#requests.send(operation, {
        purpose: 'tags',
        method: 'GET',
        path,
        repository,
        accept: 'application/json',
        gzip: true,
        maxBody,
      });
    } finally {
      operation.remainingMs = whole - (allowed - operation.remainingMs);
    }
  }
}
