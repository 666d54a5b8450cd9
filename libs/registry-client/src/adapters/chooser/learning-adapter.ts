import type { RepositoryName } from '@dtm/oci';
import type { CallOptions, TagList } from '../../registry-client.ts';
import type { RegistryAdapter, ScanRequest, ScanSummary, TagAnswer } from '../adapter.ts';
import type { OciAdapter } from '../oci/oci-adapter.ts';
import type { RegistryFamilies } from './registry-families.ts';

/** Asks a registry of unknown kind by the plain protocol, and learns from its answers what kind it is. */
export class LearningAdapter implements RegistryAdapter {
  readonly name = 'oci';
  readonly #oci: OciAdapter;
  readonly #families: RegistryFamilies;

  constructor(oci: OciAdapter, families: RegistryFamilies) {
    this.#oci = oci;
    this.#families = families;
  }

  async *scan(repository: RepositoryName, request: ScanRequest): AsyncGenerator<TagAnswer, ScanSummary, undefined> {
    let answers = false;
    const asking = this.#oci.scan(repository, request);
    let summary: ScanSummary = { listing: null, requests: 0, disagreements: 0, sampled: 0 };
    try {
      for (let next = await asking.next(); ; next = await asking.next()) {
        if (next.done === true) {
          summary = next.value;
          break;
        }
        answers ||= next.value.outcome === 'observed' && next.value.observation.outcome === 'present';
        yield next.value;
      }
    } finally {
      // Whoever stops reading early wants no further requests.
      await asking.return(summary);
    }
    // Of one tag nothing can be saved; and what did not answer does not show what it is.
    if (!answers || request.tags.length < 2) return summary;
    const requests = await this.#families.learn(repository, request.signal);
    return { ...summary, requests: summary.requests + requests };
  }

  listTags(repository: RepositoryName, options?: CallOptions): Promise<TagList> {
    return this.#oci.listTags(repository, options);
  }
}
