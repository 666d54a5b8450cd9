import type { Digest, RepositoryName } from '@dtm/oci';
import type { CallOptions, TagList } from '../../registry-client.ts';

/** What an API says of one tag. */
export interface BulkRow {
  /** Null where it names none, or several: the registry is asked then. */
  digest: Digest | null;
  /** When the tag was pushed or, where the API knows no more, its manifest. */
  pushedAt?: Date;
  /** A time at which the registry's own timestamps prove that the tag had this digest. */
  provenAt?: Date;
}

export interface BulkRequest {
  /** The tags whose digests are wanted; a source stops once it has them all. */
  tags: ReadonlySet<string>;
  /** Tags that the cursor speaks for, asked about or not: what the list says of them is wanted as well. */
  remembered: ReadonlySet<string>;
  /** The digest that the record holds; null: none, or the tag is gone. */
  known: (tag: string) => string | null;
  /** What this source gave to remember last time; null: everything is to be looked at. */
  cursor: string | null;
  signal: AbortSignal | undefined;
}

export interface BulkAnswer {
  /** Of tags that are asked about or remembered. */
  rows: ReadonlyMap<string, BulkRow>;
  /** The API proves that tags without a row were not moved since the cursor was given. Says nothing of deletions. */
  restUnchanged: boolean;
  listing: { tags: string[]; complete: boolean; paged?: boolean; total?: number } | null;
  /** To be given back next time; at most 150 bytes. Null: the next read has to look at everything. */
  cursor: string | null;
  requests: number;
}

/** A registry's own API that tells of many tags in one answer. What it says is a hint; `VerifiedBulkAdapter` judges it. */
export interface BulkSource {
  readonly name: string;
  /** From so many tags on it is cheaper than to ask for each. */
  readonly worthFrom: number;
  /** Throws `RegistryFailure` where it learned nothing. */
  read(repository: RepositoryName, request: BulkRequest): Promise<BulkAnswer>;
  /** All names, where the API is better at it than the OCI protocol. Throws `RegistryFailure`. */
  listTags?(repository: RepositoryName, options?: CallOptions): Promise<TagList>;
}
