import type { RepositoryName } from '@dtm/oci';
import { z } from 'zod';
import { Trouble } from '../../failure.ts';
import type { RegistryClient } from '../../registry-client.ts';
import { BulkReading, timeOf } from '../bulk/bulk-reading.ts';
import type { BulkAnswer, BulkRequest, BulkSource } from '../bulk/bulk-source.ts';

const PAGE_SIZE = 200;

/** Where zot's search extension answers. */
export const ZOT_SEARCH = '/v2/_zot/ext/search';

const answerShape = z.object({
  data: z
    .object({
      ImageList: z
        .object({
          Page: z.object({ TotalCount: z.number() }).nullish().catch(null),
          Results: z.array(
            z.object({
              RepoName: z.unknown().optional(),
              Tag: z.unknown().optional(),
              Digest: z.unknown().optional(),
              TaggedTimestamp: z.unknown().optional(),
            }),
          ),
        })
        .nullish(),
    })
    .nullish(),
  errors: z.array(z.object({ message: z.string().catch('') })).nullish(),
});

interface ZotPage {
  images: NonNullable<NonNullable<NonNullable<z.infer<typeof answerShape>['data']>['ImageList']>>['Results'];
  total: number | null;
  /** The registry is older than the field that tells when a tag was set. */
  withoutTimes: boolean;
  requests: number;
  size: number;
}

/**
 * zot with its search extension: two hundred tags of a repository a request. Its orders are by the image's own dates, so they
 * prove nothing; sorted by name, pages do not shift.
 */
export class ZotSource implements BulkSource {
  readonly name = 'zot';
  readonly worthFrom = 2;
  readonly #client: RegistryClient;
  /** Registries too old to know when a tag was set. */
  readonly #withoutTimes = new Set<string>();

  constructor(client: RegistryClient) {
    this.#client = client;
  }

  async read(repository: RepositoryName, request: BulkRequest): Promise<BulkAnswer> {
    const reading = new BulkReading(request);
    let complete = false;
    let total: number | null = null;
    let read = 0;
    do {
      const offset = read;
      const page = await reading.page(() => this.#page(repository, offset, request.signal));
      if (page === null) break;
      for (const { RepoName, Tag, Digest, TaggedTimestamp } of page.images) {
        if (RepoName === repository.repository) reading.add(Tag, Digest, { pushedAt: timeOf(TaggedTimestamp) });
      }
      read += page.images.length;
      total ??= page.total;
      complete = page.images.length < PAGE_SIZE || read === total;
    } while (!complete && reading.worthAnotherPage);
    return reading.answer({ complete, ...(total === null ? {} : { total }) });
  }

  async #page(repository: RepositoryName, offset: number, signal: AbortSignal | undefined): Promise<ZotPage> {
    const { registry } = repository;
    if (!this.#withoutTimes.has(registry)) {
      const page = await this.#ask(repository, offset, ' TaggedTimestamp', signal);
      if (!page.withoutTimes) return page;
      this.#withoutTimes.add(registry);
      const again = await this.#ask(repository, offset, '', signal);
      return { ...again, requests: again.requests + page.requests };
    }
    return this.#ask(repository, offset, '', signal);
  }

  #ask(repository: RepositoryName, offset: number, times: string, signal: AbortSignal | undefined): Promise<ZotPage> {
    const page = `requestedPage:{limit:${PAGE_SIZE},offset:${offset},sortBy:ALPHABETIC_ASC}`;
    const query = `{ImageList(repo:"${repository.repository}",${page}){Page{TotalCount} Results{RepoName Tag Digest${times}}}}`;
    return this.#client.ask(
      repository,
      { operation: 'list the tags of', target: `${ZOT_SEARCH}?${new URLSearchParams({ query }).toString()}` },
      (answer) => {
        // GraphQL servers answer 200 or 422 to a field that they do not know.
        const parsed = answerShape.safeParse(answer.json(422));
        const { requests, size } = answer;
        const faults = parsed.data?.errors ?? [];
        if (times !== '' && faults.some(({ message }) => message.includes('TaggedTimestamp'))) {
          return { images: [], total: null, withoutTimes: true, requests, size };
        }
        const list = parsed.data?.data?.ImageList;
        if (list == null) throw new Trouble('bad-answer', 'its search extension answered without a list of images');
        const total = list.Page?.TotalCount ?? null;
        return { images: list.Results, total, withoutTimes: false, requests, size };
      },
      { signal },
    );
  }
}
