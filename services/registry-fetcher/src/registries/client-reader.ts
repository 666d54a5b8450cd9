import { isRegistryFailure, type RegistryAdapter, type RegistryFailure } from '@dtm/registry-client';
import type { RepositoryName } from '@dtm/oci';
import type { Listing, RegistryReader, TagAnswer } from '../scan/registry-reader.ts';

/** Reads registries through the adapter that fits each. */
export class ClientReader implements RegistryReader {
  readonly #adapterOf: (name: RepositoryName) => RegistryAdapter;
  readonly #concurrency: number;

  constructor(adapterOf: (name: RepositoryName) => RegistryAdapter, concurrency: number) {
    this.#adapterOf = adapterOf;
    this.#concurrency = concurrency;
  }

  adapterName(name: RepositoryName): string {
    return this.#adapterOf(name).name;
  }

  async *scan(name: RepositoryName, tags: readonly string[], signal: AbortSignal): AsyncGenerator<TagAnswer> {
    const request = { tags, concurrency: this.#concurrency, signal };
    for await (const answer of this.#adapterOf(name).scan(name, request)) {
      const { tag } = answer;
      if (answer.outcome === 'failed') yield { kind: 'failure', tag, ...failureOf(answer.failure) };
      // No adapter can agree with a record that it is not told of.
      else if (answer.outcome === 'observed') {
        yield { kind: 'answer', tag, answer: answer.observation, requests: answer.observation.requests };
      }
    }
  }

  async listTags(name: RepositoryName, signal: AbortSignal): Promise<Listing> {
    try {
      return { kind: 'listed', ...(await this.#adapterOf(name).listTags(name, { signal })) };
    } catch (error) {
      if (!isRegistryFailure(error)) throw error;
      return { kind: 'failure', ...failureOf(error) };
    }
  }
}

/** The reason alone: whoever reads it knows which tag or repository it is about. */
function failureOf({ code, reason, retryAt, requests }: RegistryFailure): {
  code: RegistryFailure['code'];
  reason: string;
  retryAt: Date | null;
  requests: number;
} {
  return { code, reason, retryAt: retryAt ?? null, requests };
}
