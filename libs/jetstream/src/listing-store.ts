import { randomUUID } from 'node:crypto';
import { repositoryKey } from '@dtm/events';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { isWrongSequence } from './failures.ts';
import { BUCKETS } from './streams.ts';

/** What is remembered of a repository's list of tags, without the names. */
export interface ListingHead {
  /** False where nothing is remembered, or only that the list says nothing: it was cut, or is too long to be kept. */
  hasTags: boolean;
  /** The registry is not asked for the list alone before; null: it may be asked. */
  askAgainAt: Date | null;
  /** 0 where nothing is stored. */
  revision: number;
  /** Names the write that the chunks must be of. */
  write: string;
  chunks: number;
}

interface StoredHead {
  write: string;
  /** Null: no names are kept. */
  chunks: number | null;
  /** Epoch ms; 0: at any time. */
  askAgainAt: number;
}

interface Chunk {
  write: string;
  tags: string[];
}

/** A value in a bucket may have 1 MB: 5,000 of the longest names take two thirds of it. */
const TAGS_PER_CHUNK = 5_000;

/**
 * The tags that each repository was last listed with, in KV SCAN_STATE beside the state of its scans: `<repository>.listing`
 * and its chunks. Losing it makes the next listing a first one, in which nothing is new. The head is written first, by
 * compare-and-swap, so that names of two writes are never taken for one list.
 */
export class ListingStore {
  readonly #kv: KV;

  private constructor(kv: KV) {
    this.#kv = kv;
  }

  static async open(nc: NatsConnection): Promise<ListingStore> {
    return new ListingStore(await new Kvm(nc).open(BUCKETS.scanState));
  }

  async readHead(name: { registry: string; repository: string }): Promise<ListingHead> {
    const entry = await this.#kv.get(headKey(name));
    const stored = read<StoredHead>(entry);
    const revision = entry?.revision ?? 0;
    if (stored === null || !Number.isFinite(stored.askAgainAt)) {
      return { hasTags: false, askAgainAt: null, revision, write: '', chunks: 0 };
    }
    const { write, chunks, askAgainAt } = stored;
    const at = askAgainAt > 0 ? new Date(askAgainAt) : null;
    return { hasTags: chunks !== null, askAgainAt: at, revision, write, chunks: chunks ?? 0 };
  }

  /** The names; null where none are remembered, or not all of them. */
  async readTags(name: { registry: string; repository: string }, head: ListingHead): Promise<Set<string> | null> {
    if (!head.hasTags) return null;
    const keys = chunkKeys(name, head.chunks);
    const chunks = await Promise.all(keys.map(async (key) => read<Chunk>(await this.#kv.get(key))));
    const tags = new Set<string>();
    for (const chunk of chunks) {
      if (chunk?.write !== head.write || !Array.isArray(chunk.tags)) return null;
      for (const tag of chunk.tags) tags.add(tag);
    }
    return tags;
  }

  /** Replaces what is remembered; `tags` null: that the list says nothing. False where another scan wrote since `head` was read. */
  async write(
    name: { registry: string; repository: string },
    head: ListingHead,
    tags: ReadonlySet<string> | null,
    askAgainAt: Date | null,
  ): Promise<boolean> {
    const names = [...(tags ?? [])];
    const write = randomUUID();
    const chunks = tags === null ? null : Math.ceil(names.length / TAGS_PER_CHUNK);
    if (!(await this.#putHead(name, head, { write, chunks, askAgainAt: askAgainAt?.getTime() ?? 0 }))) return false;
    for (const [i, key] of chunkKeys(name, chunks ?? 0).entries()) {
      const part = names.slice(i * TAGS_PER_CHUNK, (i + 1) * TAGS_PER_CHUNK);
      await this.#kv.put(key, JSON.stringify({ write, tags: part } satisfies Chunk));
    }
    return true;
  }

  /** Notes when to ask again, and leaves the names as they are. False where another scan wrote since `head` was read. */
  async postpone(
    name: { registry: string; repository: string },
    head: ListingHead,
    askAgainAt: Date,
  ): Promise<boolean> {
    const { write, hasTags, chunks } = head;
    return this.#putHead(name, head, { write, chunks: hasTags ? chunks : null, askAgainAt: askAgainAt.getTime() });
  }

  /** The next listing is a first one. */
  async forget(name: { registry: string; repository: string }): Promise<void> {
    const key = headKey(name);
    const entry = await this.#kv.get(key);
    if (entry?.operation !== 'PUT') return;
    await this.#kv.delete(key);
    for (const chunk of chunkKeys(name, read<StoredHead>(entry)?.chunks ?? 0)) await this.#kv.delete(chunk);
  }

  async #putHead(
    name: { registry: string; repository: string },
    { revision }: ListingHead,
    head: StoredHead,
  ): Promise<boolean> {
    try {
      await this.#kv.put(headKey(name), JSON.stringify(head), { previousSeq: revision });
      return true;
    } catch (error) {
      if (isWrongSequence(error)) return false;
      throw error;
    }
  }
}

/** No repository's own key: parts of keys hold no dot of their own. */
function headKey(name: { registry: string; repository: string }): string {
  return `${repositoryKey(name)}.listing`;
}

function chunkKeys(name: { registry: string; repository: string }, chunks: number): string[] {
  return Array.from({ length: chunks }, (_, i) => `${headKey(name)}.${i + 1}`);
}

/** Null for what no version of this program wrote, as for nothing. */
function read<T extends { write: string }>(entry: KvEntry | null): T | null {
  if (entry?.operation !== 'PUT') return null;
  try {
    const value = entry.json<T | null>();
    return typeof value?.write === 'string' ? value : null;
  } catch {
    return null;
  }
}
