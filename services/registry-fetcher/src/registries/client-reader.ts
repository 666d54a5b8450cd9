import {
  isRegistryFailure,
  type RegistryAdapter,
  type RegistryFailure,
  type ScanSummary,
  type TagAnswer as AdapterAnswer,
} from '@dtm/registry-client';
import type { RepositoryName } from '@dtm/oci';
import type { Listing, RegistryReader, ScanEnd, ScanKnowledge, TagAnswer } from '../scan/registry-reader.ts';

/** What a scan told of its adapter: how often it was checked, and how often found wrong. */
export type AdapterCheck = Pick<ScanSummary, 'sampled' | 'disagreements'>;

/** Reads registries through the adapter that fits each. */
export class ClientReader implements RegistryReader {
  readonly #adapterOf: (name: RepositoryName) => RegistryAdapter;
  readonly #concurrency: number;
  readonly #onCheck: (registry: string, adapter: string, check: AdapterCheck) => void;

  constructor(
    adapterOf: (name: RepositoryName) => RegistryAdapter,
    concurrency: number,
    onCheck: (registry: string, adapter: string, check: AdapterCheck) => void = () => undefined,
  ) {
    this.#adapterOf = adapterOf;
    this.#concurrency = concurrency;
    this.#onCheck = onCheck;
  }

  adapterName(name: RepositoryName): string {
    return this.#adapterOf(name).name;
  }

  async *scan(
    name: RepositoryName,
    tags: readonly string[],
    signal: AbortSignal,
    { known, cursor, full }: ScanKnowledge,
  ): AsyncGenerator<TagAnswer | ScanEnd> {
    const adapter = this.#adapterOf(name);
    const request = { tags, concurrency: this.#concurrency, signal, known, full, cursor: cursor ?? undefined };
    const answers = adapter.scan(name, request);
    for (let next = await answers.next(); ; next = await answers.next()) {
      if (next.done === true) {
        const { requests, cursor: left, listing, sampled, disagreements } = next.value;
        this.#onCheck(name.registry, adapter.name, { sampled, disagreements });
        yield { kind: 'end', requests, cursor: left ?? null, listing };
        return;
      }
      yield answerOf(next.value);
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

/** The summary counts all requests of a scan, those of single tags included. */
function answerOf(answer: AdapterAnswer): TagAnswer {
  const { tag } = answer;
  switch (answer.outcome) {
    case 'failed':
      return { kind: 'failure', tag, ...failureOf(answer.failure), requests: 0 };
    case 'agreed':
      return { kind: 'agreed', tag, provenAt: answer.provenAt ?? null, requests: 0 };
    case 'observed':
      return { kind: 'answer', tag, answer: answer.observation, requests: 0 };
  }
}
