import type { FailureCode } from '@dtm/events';
import type { RepositoryName } from '@dtm/oci';
import type { Answer } from './decide.ts';

/** What a registry said of one tag, or why it said nothing that counts. `requests` is what this tag's answer cost. */
export type TagAnswer =
  | { kind: 'answer'; tag: string; answer: Answer; requests: number }
  | { kind: 'failure'; tag: string; code: FailureCode; reason: string; retryAt: Date | null; requests: number };

/** A repository's tags; `complete` false where the registry cut the list. */
export type Listing =
  | { kind: 'listed'; tags: readonly string[]; complete: boolean; requests: number }
  | { kind: 'failure'; code: FailureCode; reason: string; retryAt: Date | null; requests: number };

/** What a scan asks of a registry. Failures are values: one tag's does not end the scan of the others. */
export interface RegistryReader {
  /** How the repository's registry is asked. */
  adapterName(name: RepositoryName): string;
  /** One answer for each tag, in any order. */
  scan(name: RepositoryName, tags: readonly string[], signal: AbortSignal): AsyncIterable<TagAnswer>;
  listTags(name: RepositoryName, signal: AbortSignal): Promise<Listing>;
}
