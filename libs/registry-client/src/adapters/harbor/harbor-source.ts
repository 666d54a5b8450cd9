import type { RepositoryName } from '@dtm/oci';
import { z } from 'zod';
import { RegistryFailure, Trouble } from '../../failure.ts';
import type { RegistryClient } from '../../registry-client.ts';
import { BulkReading, timeOf } from '../bulk/bulk-reading.ts';
import type { BulkAnswer, BulkRequest, BulkSource } from '../bulk/bulk-source.ts';

const PAGE_SIZE = 100;

const artifacts = z.array(
  z.object({
    digest: z.unknown().optional(),
    tags: z
      .array(z.object({ name: z.unknown().optional(), push_time: z.unknown().optional() }))
      .nullish()
      .catch(null),
  }),
);

/**
 * Harbor: a hundred artifacts with their tags a request, the last pushed artifact first. A tag that is moved back to an
 * artifact does not move that to the front, so the order proves nothing and every scan reads until it has found all tags.
 */
export class HarborSource implements BulkSource {
  readonly name = 'harbor';
  readonly worthFrom = 2;
  readonly #client: RegistryClient;

  constructor(client: RegistryClient) {
    this.#client = client;
  }

  async read(repository: RepositoryName, request: BulkRequest): Promise<BulkAnswer> {
    const reading = new BulkReading(request);
    let complete = false;
    for (let number = 1; number === 1 || reading.worthAnotherPage; number++) {
      const page = await reading.page(() => this.#page(repository, number, request.signal));
      if (page === null) break;
      for (const { digest, tags } of page.artifacts) {
        for (const { name, push_time: pushTime } of tags ?? [])
          reading.add(name, digest, { pushedAt: timeOf(pushTime) });
      }
      complete = page.artifacts.length < PAGE_SIZE;
      if (complete) break;
    }
    return reading.answer({ complete });
  }

  #page(
    repository: RepositoryName,
    number: number,
    signal: AbortSignal | undefined,
  ): Promise<{ artifacts: z.infer<typeof artifacts>; requests: number; size: number }> {
    return this.#client.ask(
      repository,
      { operation: 'list the artifacts of', target: pathOf(repository, number), authorization: 'credentials' },
      (answer) => {
        const parsed = artifacts.safeParse(answer.json());
        if (!parsed.success) throw new Trouble('bad-answer', "Harbor's API answered in another shape than it used to");
        return { artifacts: parsed.data, requests: answer.requests, size: answer.size };
      },
      { signal },
    );
  }
}

function pathOf(name: RepositoryName, page: number): string {
  const slash = name.repository.indexOf('/');
  if (slash < 0) {
    throw new RegistryFailure({
      code: 'not-found',
      operation: 'list the artifacts of',
      reference: name.toString(),
      reason: 'a repository of Harbor is in a project',
      requests: 0,
    });
  }
  const project = name.repository.slice(0, slash);
  // Encoded twice: Harbor's router decodes once before it looks at the slashes.
  const repository = encodeURIComponent(encodeURIComponent(name.repository.slice(slash + 1)));
  const query = `with_tag=true&page_size=${PAGE_SIZE}&page=${page}&q=tags%3D*&sort=-push_time`;
  return `/api/v2.0/projects/${project}/repositories/${repository}/artifacts?${query}`;
}
