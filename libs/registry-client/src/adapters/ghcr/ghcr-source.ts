import type { RepositoryName } from '@dtm/oci';
import { z } from 'zod';
import type { ApiAnswer } from '../../api-question.ts';
import { RegistryFailure, Trouble } from '../../failure.ts';
import type { RegistryClient } from '../../registry-client.ts';
import { single } from '../../transport/exchange.ts';
import { exhaustedFor, namedRetryTime } from '../../transport/retry-time.ts';
import { BulkReading, timeOf } from '../bulk/bulk-reading.ts';
import type { BulkAnswer, BulkRequest, BulkSource } from '../bulk/bulk-source.ts';

const PAGE_SIZE = 100;
/** A further page is read where the one before named so many of the tags that were missing: fewer are cheaper by HEAD. */
const LEAST_FOUND = 2;
/** Where GitHub refuses without a time. */
const PAUSE_MS = 60 * 60 * 1000;
/** Owners whose kind is remembered. */
const MAX_OWNERS = 10_000;

const versions = z.array(
  z.object({
    name: z.unknown().optional(),
    created_at: z.unknown().optional(),
    metadata: z
      .object({ container: z.object({ tags: z.array(z.unknown()).catch([]) }).nullish() })
      .nullish()
      .catch(null),
  }),
);

type OwnerKind = 'orgs' | 'users';

interface VersionsQuestion {
  /** From 1. */
  page: number;
  /** That the page had before; null: without a condition. */
  etag: string | null;
}

interface Answered {
  status: 200 | 304 | 404;
  etag: string | null;
  versions: z.infer<typeof versions>;
  requests: number;
  size: number;
}

export interface GhcrOptions {
  /** A classic personal access token with `read:packages`, which GitHub's API wants even for public packages. */
  token: string;
  /** Where GitHub's API lies; for tests. */
  api?: URL | undefined;
  now?: (() => Date) | undefined;
}

/**
 * GHCR with a token: GitHub's API says by one conditional request, which costs nothing of its limit, that a package is as it
 * was; the cursor is the ETag of its newest versions. Where it is not, pages are read while they name tags that are wanted: a
 * package holds many versions that carry no tag. A tag that is moved back to an older version does not change the newest
 * ones, so that full scans read without a condition.
 */
export class GhcrSource implements BulkSource {
  readonly name = 'ghcr';
  readonly worthFrom = 2;
  readonly #client: RegistryClient;
  readonly #options: { token: string; api: URL; now: () => Date };
  readonly #kinds = new Map<string, OwnerKind>();
  #pausedUntil = 0;

  constructor(client: RegistryClient, options: GhcrOptions) {
    const { token, api = new URL('https://api.github.com'), now = () => new Date() } = options;
    this.#client = client;
    this.#options = { token, api, now };
  }

  async read(repository: RepositoryName, request: BulkRequest): Promise<BulkAnswer> {
    if (this.#pausedUntil > this.#options.now().getTime()) throw this.#paused(repository);
    const reading = new BulkReading(request);
    const { cursor, signal } = request;
    let complete = false;
    let etag: string | null = null;
    for (
      let number = 1, found = LEAST_FOUND;
      number === 1 || (reading.worthAnotherPage && found >= LEAST_FOUND);
      number++
    ) {
      const question = { page: number, etag: number === 1 ? cursor : null };
      const page = await reading.page(() => this.#versions(repository, question, signal));
      if (page === null) break;
      if (page.status === 304) {
        return { ...reading.answer({ complete: false, restUnchanged: true, cursor }), listing: null };
      }
      if (number === 1) etag = page.etag;
      const missing = reading.missing;
      for (const { name, created_at: createdAt, metadata } of page.versions) {
        for (const tag of metadata?.container?.tags ?? []) reading.add(tag, name, { pushedAt: timeOf(createdAt) });
      }
      found = missing - reading.missing;
      complete = page.versions.length < PAGE_SIZE;
      if (complete) break;
    }
    return reading.answer({ complete, cursor: etag });
  }

  /** A page of the versions, newest first. Whether an owner is an organisation or a person has to be tried once. */
  async #versions(
    repository: RepositoryName,
    question: VersionsQuestion,
    signal: AbortSignal | undefined,
  ): Promise<Answered> {
    const [owner = ''] = repository.repository.split('/', 1);
    const known = this.#kinds.get(owner);
    let requests = 0;
    for (const kind of known === undefined ? (['orgs', 'users'] as const) : [known]) {
      const answered = await this.#ask(repository, kind, question, signal);
      requests += answered.requests;
      if (answered.status === 404) continue;
      if (this.#kinds.size >= MAX_OWNERS) this.#kinds.clear();
      this.#kinds.set(owner, kind);
      return { ...answered, requests };
    }
    const reason = "GitHub's API has no such package, or does not show it with this token";
    throw new RegistryFailure({ code: 'not-found', ...namesOf(repository), reason, requests });
  }

  #ask(
    repository: RepositoryName,
    kind: OwnerKind,
    { page, etag }: VersionsQuestion,
    signal: AbortSignal | undefined,
  ): Promise<Answered> {
    const [owner = '', ...rest] = repository.repository.split('/');
    const path = `/${kind}/${owner}/packages/container/${encodeURIComponent(rest.join('/'))}/versions`;
    const target = new URL(`${path}?state=active&per_page=${PAGE_SIZE}&page=${page}`, this.#options.api);
    const question = {
      operation: namesOf(repository).operation,
      target,
      authorization: { header: `Bearer ${this.#options.token}` },
      accept: 'application/vnd.github+json',
      headers: ['x-github-api-version', '2022-11-28', ...(etag === null ? [] : ['if-none-match', etag])],
      // GitHub counts its API apart from its registry.
      ownLimits: true,
    };
    return this.#client.ask(repository, question, (answer) => this.#read(answer), { signal });
  }

  #read(answer: ApiAnswer): Answered {
    const { status, headers, requests } = answer;
    const now = this.#options.now();
    const exhausted = exhaustedFor(headers, now);
    if (exhausted !== null) this.#pausedUntil = now.getTime() + exhausted;
    if (status === 304 || status === 404) return { status, etag: null, versions: [], requests, size: 0 };
    if (status === 403 || status === 429) {
      const named = namedRetryTime({ headers, body: answer.bytes() }, now);
      const limited = status === 429 || exhausted !== null || named !== null;
      if (!limited) throw new Trouble('unauthorized', `GitHub's API answered ${answer.statusLine}`);
      this.#pausedUntil = named?.getTime() ?? now.getTime() + (exhausted ?? PAUSE_MS);
      throw new Trouble('server-error', `GitHub's API allows no more requests for now (${answer.statusLine})`);
    }
    const parsed = versions.safeParse(answer.json());
    if (!parsed.success) throw new Trouble('bad-answer', "GitHub's API answered in another shape than it used to");
    const etag = etagOf(single(headers.etag));
    return { status: 200, etag, versions: parsed.data, requests, size: answer.size };
  }

  #paused(repository: RepositoryName): RegistryFailure {
    const until = new Date(this.#pausedUntil).toISOString();
    const reason = `GitHub's API allows no more requests before ${until}`;
    return new RegistryFailure({ code: 'server-error', ...namesOf(repository), reason, requests: 0 });
  }
}

function namesOf(repository: RepositoryName): { operation: string; reference: string } {
  return { operation: 'list the versions of', reference: repository.toString() };
}

/** Short enough to be remembered, and fit to be sent back. */
function etagOf(etag: string | undefined): string | null {
  return etag !== undefined && /^(?:W\/)?"[\x21\x23-\x7e]{1,120}"$/.test(etag) ? etag : null;
}
