import type { RepositoryName } from '@dtm/oci';
import type { RegistryFailure } from '../failure.ts';
import type { CallOptions, Observation, TagList } from '../registry-client.ts';

export interface ScanRequest {
  /** The tags whose digests are wanted. */
  tags: readonly string[];
  /** Requests under way at once. */
  concurrency: number;
  signal?: AbortSignal | undefined;
  /** Digest that the record holds for a tag; null: none, or the tag is gone. Absent: nothing is known of any tag. */
  known?: ((tag: string) => string | null) | undefined;
  /** What the last scan of the repository gave to remember. Absent: nothing is taken for unchanged without being looked at. */
  cursor?: string | undefined;
  /** Looks at every tag whatever the cursor says: what was deleted shows in no list of what is new. */
  full?: boolean | undefined;
}

/** What a registry answered itself about a tag; `pushedAt`: when the tag was pushed, where its API says so. */
export type PushedObservation = Observation & { pushedAt?: Date };

/** What was learned of one tag. */
export type TagAnswer =
  | { tag: string; outcome: 'observed'; observation: PushedObservation }
  | { tag: string; outcome: 'failed'; failure: RegistryFailure }
  | {
      /** An API that tells of many tags at once names the digest that the record holds: a hint, not an observation. */
      tag: string;
      outcome: 'agreed';
      pushedAt?: Date;
      /** Set only where the registry's own timestamps prove that the tag still had the digest then. */
      provenAt?: Date;
      /** Sent for this tag alone; what the whole list cost is in the summary. */
      requests: number;
    };

/** What a scan learned beside its tags' digests. */
export interface ScanSummary {
  /**
   * Names of tags that the scan came across, at no extra request; null where it asked for single tags only. `paged`: read page
   * by page, so that a tag that was pushed meanwhile may be in none of them.
   */
  listing: { tags: string[]; complete: boolean; paged?: boolean; total?: number } | null;
  /** To be given to the next scan, at most 200 bytes, once everything that this one answered is recorded. Absent: forget it. */
  cursor?: string;
  /** All HTTP requests of the scan, those that its answers name included. */
  requests: number;
  /** Tags of which the API named another digest than the registry itself. */
  disagreements: number;
  /** Tags of which the API's agreement was checked by asking the registry itself. */
  sampled: number;
}

/** A way to ask a family of registries. The plain protocol is one; registries' own APIs are others. */
export interface RegistryAdapter {
  /** Stored with each scan. */
  readonly name: string;
  /**
   * Answers each tag asked for exactly once, in any order. Failures are answers; it rejects only with the signal's reason
   * or a broken invariant.
   */
  scan(repository: RepositoryName, request: ScanRequest): AsyncGenerator<TagAnswer, ScanSummary, undefined>;
  /** Throws `RegistryFailure`. */
  listTags(repository: RepositoryName, options?: CallOptions): Promise<TagList>;
}

/** Requests that one answer counts. */
export function requestsOf(answer: TagAnswer): number {
  if (answer.outcome === 'observed') return answer.observation.requests;
  return answer.outcome === 'failed' ? answer.failure.requests : answer.requests;
}
