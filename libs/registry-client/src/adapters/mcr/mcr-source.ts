import type { RepositoryName } from '@dtm/oci';
import { z } from 'zod';
import { Trouble } from '../../failure.ts';
import type { RegistryClient } from '../../registry-client.ts';
import { BulkReading, timeOf } from '../bulk/bulk-reading.ts';
import type { BulkAnswer, BulkRequest, BulkSource } from '../bulk/bulk-source.ts';

const rows = z.array(
  z.object({ name: z.unknown().optional(), digest: z.unknown().optional(), lastModifiedDate: z.unknown().optional() }),
);

/**
 * Microsoft's registry: the catalogue of its web page names all tags of a repository at once. Whether its digest of an image for
 * several platforms is that of the index is not known: a tag with several rows of different digests counts as unknown, and
 * comparison with the registry decides about the rest.
 */
export class McrSource implements BulkSource {
  readonly name = 'mcr';
  readonly worthFrom = 2;
  readonly #client: RegistryClient;

  constructor(client: RegistryClient) {
    this.#client = client;
  }

  async read(repository: RepositoryName, request: BulkRequest): Promise<BulkAnswer> {
    const reading = new BulkReading(request);
    await reading.page(() =>
      this.#client.ask(
        repository,
        {
          operation: 'list the tags of',
          target: `/api/v1/catalog/${repository.repository}/tags?reg=mar`,
          authorization: 'none',
          whole: true,
        },
        (answer) => {
          const parsed = rows.safeParse(answer.json());
          if (!parsed.success)
            throw new Trouble('bad-answer', 'the catalogue answered in another shape than it used to');
          for (const { name, digest, lastModifiedDate } of parsed.data) {
            reading.add(name, digest, { pushedAt: timeOf(lastModifiedDate) });
          }
          return { requests: answer.requests, size: answer.size };
        },
        { signal: request.signal },
      ),
    );
    return reading.answer({ complete: true });
  }
}
