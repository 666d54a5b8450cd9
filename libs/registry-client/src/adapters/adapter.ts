import type { RepositoryName } from '@dtm/oci';
import type { RegistryFailure } from '../failure.ts';
import type { CallOptions, Observation, TagList } from '../registry-client.ts';

export interface ScanRequest {
  /** The tags whose digests are wanted. */
  tags: readonly string[];
  /** Requests under way at once. */
  concurrency: number;
  signal?: AbortSignal | undefined;
}

/** What was learned of one tag. */
export type TagAnswer =
  | { tag: string; outcome: 'observed'; observation: Observation }
  | { tag: string; outcome: 'failed'; failure: RegistryFailure };

/** A way to ask a family of registries. The plain protocol is one; registries' own APIs are others. */
export interface RegistryAdapter {
  /** Stored with each scan. */
  readonly name: string;
  /**
   * Answers each tag asked for exactly once, in any order. Failures are answers; it rejects only with the signal's reason
   * or a broken invariant.
   */
  scan(repository: RepositoryName, request: ScanRequest): AsyncIterable<TagAnswer>;
  /** Throws `RegistryFailure`. */
  listTags(repository: RepositoryName, options?: CallOptions): Promise<TagList>;
}
