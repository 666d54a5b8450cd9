import { DOCKER_HUB, type Reference, type RepositoryName } from '@dtm/oci';
import { z } from 'zod';
import type { ApiAnswer, ApiQuestion, ApiSubject } from '../../api-question.ts';
import { isRegistryFailure, Trouble } from '../../failure.ts';
import type { RegistryCredentials } from '../../registry-access.ts';
import type { CallOptions, RegistryClient } from '../../registry-client.ts';
import { parseTokenAnswer } from '../../auth/token-answer.ts';

/** The most that the API gives; more is silently cut to this. */
export const PAGE_SIZE = 100;
/** Docker Hub's tokens live for ten minutes; they are renewed a little earlier. */
const TOKEN_MS = 8.5 * 60 * 1000;
/** After a refused login the API is asked without an account for so long. */
const LOGIN_AGAIN_MS = 60 * 60 * 1000;
/** Where the API cut off, it is not asked again for so long: the place moves. */
const CUT_REMEMBERED_MS = 24 * 60 * 60 * 1000;

const tagPage = z.object({
  count: z.number().int().nonnegative().catch(-1),
  next: z.string().nullish().catch(null),
  results: z.array(
    z.object({
      name: z.unknown().optional(),
      digest: z.unknown().optional(),
      last_updated: z.unknown().optional(),
      tag_last_pushed: z.unknown().optional(),
      content_type: z.unknown().optional(),
    }),
  ),
});

const tagShape = z.object({
  digest: z.unknown().optional(),
  media_type: z.unknown().optional(),
  images: z.array(z.unknown()).nullish().catch(null),
});

const repositoryPage = z.object({
  results: z.array(
    z.object({ name: z.unknown().optional(), namespace: z.unknown().optional(), pull_count: z.unknown().optional() }),
  ),
});

export type HubTag = z.infer<typeof tagPage>['results'][number];
export type HubTagDetails = z.infer<typeof tagShape>;
export type HubRepository = z.infer<typeof repositoryPage>['results'][number];

/** A page of tags, newest first; `cut`: the API shows no more than the pages before to whoever has no account. */
export type HubTagPage =
  | { cut: true; requests: number; size: number }
  | { cut: false; tags: HubTag[]; total: number | null; last: boolean; requests: number; size: number };

export interface DockerHubOptions {
  /** Where the API lies; for tests. */
  api?: URL | undefined;
  credentials?: RegistryCredentials | undefined;
  now?: (() => Date) | undefined;
}

/** Docker Hub's own API. Its requests belong to the budget of docker.io. */
export class DockerHubApi {
  readonly #client: RegistryClient;
  readonly #api: URL;
  readonly #account: { identifier: string; secret: string } | null;
  readonly #now: () => Date;
  #login: { header: string | null; until: number } | null = null;
  #loggingIn: Promise<number> | null = null;
  /** The first page that was refused, and until when that is believed. */
  #cut: { page: number; until: number } | null = null;

  constructor(client: RegistryClient, options: DockerHubOptions = {}) {
    const { api = new URL('https://hub.docker.com'), credentials, now = () => new Date() } = options;
    this.#client = client;
    this.#api = api;
    this.#account =
      credentials !== undefined && 'username' in credentials
        ? { identifier: credentials.username, secret: credentials.password }
        : null;
    this.#now = now;
  }

  /** One page of a repository's tags, the last updated first. Throws `RegistryFailure`. */
  async tags(name: RepositoryName, page: number, options?: CallOptions): Promise<HubTagPage> {
    if (this.#isCut(page)) return { cut: true, requests: 0, size: 0 };
    const path = `/v2/repositories/${name.repository}/tags/`;
    // Docker Hub's orders are upside down: without a minus the newest comes first.
    const query = { page: String(page), page_size: String(PAGE_SIZE), ordering: 'last_updated' };
    return this.#ask(name, 'list the tags of', path, query, (answer) => this.#readTags(answer, page), options);
  }

  /** One tag with its images, one for each platform. Throws `RegistryFailure`. */
  async tag(reference: Reference, options?: CallOptions): Promise<{ details: HubTagDetails; requests: number }> {
    const path = `/v2/repositories/${reference.repository}/tags/${reference.tag}`;
    const read = (answer: ApiAnswer): { details: HubTagDetails; requests: number } => ({
      details: parsed(tagShape, answer),
      requests: answer.requests,
    });
    return this.#ask(reference, 'read the images of', path, {}, read, options);
  }

  /** Official images by pulls: the first hundred from either end of the list. Throws `RegistryFailure`. */
  async officialImages(
    most: 'first' | 'last',
    options?: CallOptions,
  ): Promise<{ repositories: HubRepository[]; requests: number }> {
    const query = { page_size: String(PAGE_SIZE), ordering: most === 'first' ? 'pull_count' : '-pull_count' };
    const hub = { registry: DOCKER_HUB, repository: '', toString: () => DOCKER_HUB };
    const read = (answer: ApiAnswer): { repositories: HubRepository[]; requests: number } => ({
      repositories: parsed(repositoryPage, answer).results,
      requests: answer.requests,
    });
    return this.#ask(hub, 'list the official images of', '/v2/repositories/library/', query, read, options);
  }

  #readTags(answer: ApiAnswer, page: number): HubTagPage {
    const { requests } = answer;
    // A refusal by offset is about the page, not about the repository.
    if (answer.status === 403 && page > 1 && /offset|sign in/i.test(answer.bytes().toString('utf8'))) {
      this.#cut = { page, until: this.#now().getTime() + CUT_REMEMBERED_MS };
      return { cut: true, requests, size: answer.size };
    }
    const { results, count, next } = parsed(tagPage, answer);
    const last = next == null || next === '';
    const total = count < 0 ? null : count;
    return { cut: false, tags: results, total, last, requests, size: answer.size };
  }

  #isCut(page: number): boolean {
    return this.#cut !== null && page >= this.#cut.page && this.#cut.until > this.#now().getTime();
  }

  async #ask<T extends { requests: number }>(
    subject: ApiSubject,
    operation: string,
    path: string,
    query: Record<string, string>,
    read: (answer: ApiAnswer) => T,
    options: CallOptions | undefined,
  ): Promise<T> {
    const target = new URL(path, this.#api);
    target.search = new URLSearchParams(query).toString();
    const before = await this.#logIn(options);
    const header = this.#login?.header ?? null;
    const question: ApiQuestion = { operation, target, ...(header === null ? {} : { authorization: { header } }) };
    let refused = 0;
    const result = await this.#client.ask(
      subject,
      question,
      (answer) => {
        if (answer.status !== 401 || header === null) return read(answer);
        refused = answer.requests;
        return null;
      },
      options,
    );
    if (result !== null) return { ...result, requests: result.requests + before };
    // The token ended early: once without it, and a new one next time.
    this.#login = null;
    const again = await this.#client.ask(subject, { operation, target }, read, options);
    return { ...again, requests: again.requests + refused + before };
  }

  /** Sees to a token where there is an account; the requests that it took. What fails is asked without. */
  async #logIn(options: CallOptions | undefined): Promise<number> {
    if (this.#account === null || (this.#login !== null && this.#login.until > this.#now().getTime())) return 0;
    if (this.#loggingIn !== null) {
      await this.#loggingIn;
      return 0;
    }
    this.#loggingIn = this.#fetchToken(this.#account, options).finally(() => {
      this.#loggingIn = null;
    });
    return this.#loggingIn;
  }

  async #fetchToken(
    account: { identifier: string; secret: string },
    options: CallOptions | undefined,
  ): Promise<number> {
    const hub = { registry: DOCKER_HUB, repository: '', toString: () => DOCKER_HUB };
    const target = new URL('/v2/auth/token', this.#api);
    const now = this.#now().getTime();
    try {
      return await this.#client.ask(
        hub,
        { operation: 'sign in to', target, post: account, maxBytes: 64 * 1024 },
        (answer) => {
          if (answer.status !== 200)
            throw new Trouble('unauthorized', `Docker Hub refuses the account: ${answer.statusLine}`);
          const { token } = parseTokenAnswer(answer.bytes(), now);
          this.#login = { header: `Bearer ${token}`, until: now + TOKEN_MS };
          return answer.requests;
        },
        options,
      );
    } catch (error) {
      if (!isRegistryFailure(error) || error.code === 'throttled') throw error;
      this.#login = { header: null, until: now + LOGIN_AGAIN_MS };
      return error.requests;
    }
  }
}

function parsed<T>(schema: z.ZodType<T>, answer: ApiAnswer): T {
  const result = schema.safeParse(answer.json());
  if (!result.success) throw new Trouble('bad-answer', "Docker Hub's API answered in another shape than it used to");
  return result.data;
}
