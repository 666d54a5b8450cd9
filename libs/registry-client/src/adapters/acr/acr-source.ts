import type { RepositoryName } from '@dtm/oci';
import { z } from 'zod';
import { Trouble } from '../../failure.ts';
import type { RegistryClient } from '../../registry-client.ts';
import { nextPage } from '../../tag-listing.ts';
import { BulkReading, timeOf } from '../bulk/bulk-reading.ts';
import type { BulkAnswer, BulkRequest, BulkSource } from '../bulk/bulk-source.ts';

const PAGE_SIZE = 100;

const page = z.object({
  tags: z
    .array(
      z.object({
        name: z.unknown().optional(),
        digest: z.unknown().optional(),
        lastUpdateTime: z.unknown().optional(),
      }),
    )
    .nullish(),
});

/**
 * Azure's registries: a hundred tags with their digests a request, the last updated first. Whether a tag that is moved back
 * comes to the front is not known, so the order is used to find tags early and proves nothing.
 */
export class AcrSource implements BulkSource {
  readonly name = 'acr';
  readonly worthFrom = 2;
  readonly #client: RegistryClient;

  constructor(client: RegistryClient) {
    this.#client = client;
  }

  async read(repository: RepositoryName, request: BulkRequest): Promise<BulkAnswer> {
    const reading = new BulkReading(request);
    const path = `/acr/v1/${encodeURIComponent(repository.repository)}/_tags`;
    const first = `${path}?n=${PAGE_SIZE}&orderby=timedesc`;
    const seen = new Set<string>();
    let next: string | null = first;
    while (next !== null && !seen.has(next)) {
      const target: string = next;
      seen.add(target);
      const got = await reading.page(() => this.#page(repository, path, target, request.signal));
      if (got === null) break;
      for (const { name, digest, lastUpdateTime } of got.tags) {
        reading.add(name, digest, { pushedAt: timeOf(lastUpdateTime) });
      }
      next = got.next;
      if (!reading.worthAnotherPage) break;
    }
    return reading.answer({ complete: next === null });
  }

  #page(
    repository: RepositoryName,
    path: string,
    target: string,
    signal: AbortSignal | undefined,
  ): Promise<{ tags: NonNullable<z.infer<typeof page>['tags']>; next: string | null; requests: number; size: number }> {
    return this.#client.ask(
      repository,
      {
        operation: 'list the tags of',
        target,
        // A token to pull does not open the metadata.
        scope: `repository:${repository.repository}:metadata_read`,
      },
      (answer) => {
        const parsed = page.safeParse(answer.json());
        if (!parsed.success) throw new Trouble('bad-answer', 'its API answered in another shape than it used to');
        const host = this.#client.hostOf(repository.registry);
        const next = nextPage(answer.headers.link, host, repository.repository, path);
        const { requests, size } = answer;
        return { tags: parsed.data.tags ?? [], next: ordered(next), requests, size };
      },
      { signal },
    );
  }
}

/** The link to the next page may come with an empty order. */
function ordered(next: string | null): string | null {
  return next === null ? null : next.replace(/([?&]orderby=)(?=&|$)/, '$1timedesc');
}
