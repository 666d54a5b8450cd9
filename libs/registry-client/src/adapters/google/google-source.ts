import type { RepositoryName } from '@dtm/oci';
import { z } from 'zod';
import { Trouble } from '../../failure.ts';
import type { RegistryClient } from '../../registry-client.ts';
import { BulkReading, timeOf } from '../bulk/bulk-reading.ts';
import type { BulkAnswer, BulkRequest, BulkSource } from '../bulk/bulk-source.ts';

const listing = z.object({
  tags: z.array(z.unknown()).nullish(),
  manifest: z
    .record(z.string(), z.object({ tag: z.array(z.unknown()).catch([]), timeUploadedMs: z.unknown().optional() }))
    .optional(),
});

/**
 * Artifact Registry, gcr.io and registry.k8s.io: one answer names every tag with its digest. Always without a query: what
 * registry.k8s.io redirects to does not get it, so that pages would never end.
 */
export class GoogleSource implements BulkSource {
  readonly name = 'google';
  /** The answer holds the whole repository, in some of them several megabytes. */
  readonly worthFrom = 2;
  readonly #client: RegistryClient;

  constructor(client: RegistryClient) {
    this.#client = client;
  }

  async read(repository: RepositoryName, request: BulkRequest): Promise<BulkAnswer> {
    const reading = new BulkReading(request);
    const { signal } = request;
    const question = {
      operation: 'list the tags of',
      target: `/v2/${repository.repository}/tags/list`,
      purpose: 'tags',
      whole: true,
    } as const;
    await reading.page(() =>
      this.#client.ask(
        repository,
        question,
        (answer) => {
          const parsed = listing.safeParse(answer.json());
          if (!parsed.success) throw new Trouble('bad-answer', 'the registry answered JSON that is no list of tags');
          // Mirrors and proxies of the same names leave it out: then there is nothing to compare with.
          if (parsed.data.manifest === undefined)
            throw new Trouble('bad-answer', 'the registry names no digests with its tags');
          for (const [digest, { tag: tags, timeUploadedMs }] of Object.entries(parsed.data.manifest)) {
            const pushedAt = timeOf(Number(timeUploadedMs));
            for (const tag of tags) reading.add(tag, digest, { pushedAt });
          }
          for (const tag of parsed.data.tags ?? [])
            if (typeof tag === 'string' && !reading.rows.has(tag)) reading.add(tag, null);
          return { requests: answer.requests, size: answer.size };
        },
        { signal },
      ),
    );
    return reading.answer({ complete: true });
  }
}
