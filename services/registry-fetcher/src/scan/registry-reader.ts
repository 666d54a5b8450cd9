import type { FailureCode } from '@dtm/events';
import type { RepositoryName } from '@dtm/oci';
import type { Answer } from './decide.ts';
import type { SeenTags } from './listed-tags.ts';

/**
 * What a registry said of one tag, or why it said nothing that counts. `requests` is what the answer cost, where it is not
 * counted for the scan as a whole.
 */
export type TagAnswer =
  | { kind: 'answer'; tag: string; answer: Answer; requests: number }
  /**
   * A list names the digest that the record holds: a hint, which advances no bound unless the registry's own timestamps
   * prove that the tag still had the digest at `provenAt`.
   */
  | { kind: 'agreed'; tag: string; provenAt: Date | null; requests: number }
  | { kind: 'failure'; tag: string; code: FailureCode; reason: string; retryAt: Date | null; requests: number };

/** What was learned beside the tags: told last, once. */
export interface ScanEnd {
  kind: 'end';
  /** Of the scan as a whole. */
  requests: number;
  /** For the next scan, once everything that this one answered is recorded; null: nothing to go by. */
  cursor: string | null;
  /** Names of tags that it came across, at no request of their own; null where it asked for single tags only. */
  listing: SeenTags | null;
}

/** What a scan may go by. */
export interface ScanKnowledge {
  /** Digest that the record holds for a tag; null: none, or the tag is gone. */
  known: (tag: string) => string | null;
  /** What the last scan left. */
  cursor: string | null;
  /** Look at every tag, whatever the cursor says. */
  full: boolean;
}

/** A repository's tags; `complete` false where the registry cut the list. */
export type Listing =
  | { kind: 'listed'; tags: readonly string[]; complete: boolean; requests: number }
  | { kind: 'failure'; code: FailureCode; reason: string; retryAt: Date | null; requests: number };

/** What a scan asks of a registry. Failures are values: one tag's does not end the scan of the others. */
export interface RegistryReader {
  /** How the repository's registry is asked. */
  adapterName(name: RepositoryName): string;
  /** One answer for each tag, in any order, then the end. */
  scan(
    name: RepositoryName,
    tags: readonly string[],
    signal: AbortSignal,
    knowledge: ScanKnowledge,
  ): AsyncIterable<TagAnswer | ScanEnd>;
  listTags(name: RepositoryName, signal: AbortSignal): Promise<Listing>;
}
