import type { RepositoryName } from '@dtm/oci';
import { z } from 'zod';
import { Trouble } from '../../failure.ts';
import type { RegistryClient } from '../../registry-client.ts';
import { BulkReading, timeOf } from '../bulk/bulk-reading.ts';
import type { BulkAnswer, BulkRequest, BulkSource } from '../bulk/bulk-source.ts';

const PAGE_SIZE = 1000;

const page = z.object({
  imageTagDetails: z.array(
    z.object({
      imageTag: z.unknown().optional(),
      createdAt: z.unknown().optional(),
      imageDetail: z
        .object({ imageDigest: z.unknown().optional(), imagePushedAt: z.unknown().optional() })
        .nullish()
        .catch(null),
    }),
  ),
  nextToken: z.string().nullish(),
});

interface EcrPage {
  rows: z.infer<typeof page>['imageTagDetails'];
  next: string | undefined;
  requests: number;
  size: number;
}

/** Amazon's public registry: the API of its gallery names a thousand tags with their digests, in no order. */
export class EcrPublicSource implements BulkSource {
  readonly name = 'ecr-public';
  readonly worthFrom = 1;
  readonly #client: RegistryClient;
  readonly #api: URL;

  constructor(client: RegistryClient, api = new URL('https://api.us-east-1.gallery.ecr.aws')) {
    this.#client = client;
    this.#api = api;
  }

  async read(repository: RepositoryName, request: BulkRequest): Promise<BulkAnswer> {
    const reading = new BulkReading(request);
    const slash = repository.repository.indexOf('/');
    const names = {
      registryAliasName: repository.repository.slice(0, Math.max(0, slash)),
      repositoryName: repository.repository.slice(slash + 1),
    };
    let nextToken: string | undefined;
    const seen = new Set<string>();
    do {
      const post = { ...names, maxResults: PAGE_SIZE, ...(nextToken === undefined ? {} : { nextToken }) };
      const got = await reading.page(() => this.#page(repository, post, request.signal));
      if (got === null) break;
      for (const { imageTag, imageDetail, createdAt } of got.rows) {
        const pushedAt = timeOf(imageDetail?.imagePushedAt) ?? timeOf(createdAt);
        reading.add(imageTag, imageDetail?.imageDigest, { pushedAt });
      }
      nextToken = got.next;
      if (nextToken === undefined || seen.has(nextToken)) break;
      seen.add(nextToken);
    } while (reading.worthAnotherPage);
    return reading.answer({ complete: nextToken === undefined });
  }

  #page(repository: RepositoryName, post: object, signal: AbortSignal | undefined): Promise<EcrPage> {
    return this.#client.ask(
      repository,
      { operation: 'list the tags of', target: new URL('/describeImageTags', this.#api), post },
      (answer) => {
        const parsed = page.safeParse(answer.json());
        if (!parsed.success) throw new Trouble('bad-answer', 'the gallery answered in another shape than it used to');
        const { imageTagDetails: rows, nextToken } = parsed.data;
        const next = nextToken == null || nextToken === '' ? undefined : nextToken;
        return { rows, next, requests: answer.requests, size: answer.size };
      },
      { signal },
    );
  }
}
