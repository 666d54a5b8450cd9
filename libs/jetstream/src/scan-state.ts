import { repositoryKey } from '@dtm/events';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { isWrongSequence } from './failures.ts';
import { putValue } from './put-value.ts';
import { BUCKETS } from './streams.ts';

/** What the last scans knew of a tag beyond its history. */
export interface TagScanState {
  /** Sequence of the history event that was last confirmed. */
  sequence: number;
  /** When the last request that confirmed it was sent. */
  lastSeenAt: Date;
  /** When the first of the answers "not there" arrived, while they last. */
  missingSince: Date | null;
}

/** What a scan of a whole repository leaves for the next one, beyond its tags. */
export interface ScanMemory {
  /** Opaque, of the adapter that scanned; absent: nothing to go by. */
  cursor?: string;
  /** When the last scan that looked at every tag began; absent: none is known. */
  fullAt?: Date;
}

/** A repository's state with the revision that a write must be based on. */
export interface RepositoryScanState extends ScanMemory {
  tags: Map<string, TagScanState>;
  /** 0 where nothing is stored. */
  revision: number;
}

/** A value in a bucket may have 1 MB: 5,000 tags take a third of it. */
const TAGS_PER_CHUNK = 5_000;

/** Characters of all values that are remembered in the process, some 50 for each tag; beyond it the bucket is asked again. */
const REMEMBERED_MAX = 16_000_000;

/** [tag, sequence, lastSeenAt ms since the epoch, missingSince ms or 0] */
type StoredTag = [string, number, number, number];

interface Chunk {
  /** Chunks of one write carry the same. */
  write: string;
  chunks: number;
  tags: StoredTag[];
  /** In the first chunk only. */
  cursor?: string;
  /** In the first chunk only; ms since the epoch. */
  fullAt?: number;
}

/**
 * KV SCAN_STATE. Losing it costs nothing but weaker bounds: the record itself is the stream. Written last of all writes
 * of a scan; the first chunk by compare-and-swap and before the others, so that of two scans of a repository the later
 * one knows it lost before it has touched anything.
 */
export class ScanStateStore {
  readonly #nc: NatsConnection;
  readonly #kv: KV;
  /** By key: values that this process wrote last. As text, which takes a tenth of the memory of what it says. */
  readonly #remembered = new Map<string, { text: string; revision: number }>();
  #rememberedSize = 0;

  private constructor(nc: NatsConnection, kv: KV) {
    this.#nc = nc;
    this.#kv = kv;
  }

  static async open(nc: NatsConnection): Promise<ScanStateStore> {
    return new ScanStateStore(nc, await new Kvm(nc).open(BUCKETS.scanState));
  }

  /**
   * What this process wrote last, at no question to the server; null where it does not remember. Another fetcher may have
   * written since: a write that is based on it tells.
   */
  remembered(name: { registry: string; repository: string }): RepositoryScanState | null {
    const known = this.#remembered.get(repositoryKey(name));
    const chunk = known === undefined ? null : parse(known.text);
    return known === undefined || chunk === null ? null : stateOf([chunk], known.revision);
  }

  /** What is stored; chunks that do not belong to the first one are left out: their tags fall back to weaker bounds. */
  async read(name: { registry: string; repository: string }): Promise<RepositoryScanState> {
    const key = repositoryKey(name);
    const first = await this.#kv.get(key);
    const revision = first?.revision ?? 0;
    const head = chunkIn(first);
    if (head === null) return { tags: new Map(), revision };
    const others = await Promise.all(
      Array.from({ length: head.chunks - 1 }, async (_, i) => chunkIn(await this.#kv.get(chunkKey(key, i + 1)))),
    );
    return stateOf(
      [head, ...others.filter((chunk) => chunk !== null).filter(({ write }) => write === head.write)],
      revision,
    );
  }

  /** False where another scan has written since `revision`; nothing is stored then. */
  async write(
    name: { registry: string; repository: string },
    tags: ReadonlyMap<string, TagScanState>,
    revision: number,
    writeId: string,
    memory: ScanMemory = {},
  ): Promise<boolean> {
    const key = repositoryKey(name);
    const stored: StoredTag[] = [];
    for (const [tag, state] of tags) {
      stored.push([tag, state.sequence, state.lastSeenAt.getTime(), state.missingSince?.getTime() ?? 0]);
    }
    const chunks = Math.max(1, Math.ceil(stored.length / TAGS_PER_CHUNK));
    const value = (i: number): string => {
      const part = stored.slice(i * TAGS_PER_CHUNK, (i + 1) * TAGS_PER_CHUNK);
      const { cursor, fullAt } = i === 0 ? memory : {};
      return JSON.stringify({
        write: writeId,
        chunks,
        tags: part,
        ...(cursor === undefined ? {} : { cursor }),
        ...(fullAt === undefined ? {} : { fullAt: fullAt.getTime() }),
      } satisfies Chunk);
    };
    const first = value(0);
    this.#forget(key);
    try {
      const written = await putValue(this.#nc, BUCKETS.scanState, key, first, revision);
      if (chunks === 1) this.#remember(key, first, written);
    } catch (error) {
      if (isWrongSequence(error)) return false;
      throw error;
    }
    for (let i = 1; i < chunks; i++) await putValue(this.#nc, BUCKETS.scanState, chunkKey(key, i), value(i));
    return true;
  }

  #remember(key: string, text: string, revision: number): void {
    this.#forget(key);
    this.#rememberedSize += text.length;
    if (this.#rememberedSize > REMEMBERED_MAX) {
      this.#remembered.clear();
      this.#rememberedSize = text.length;
    }
    this.#remembered.set(key, { text, revision });
  }

  #forget(key: string): void {
    this.#rememberedSize -= this.#remembered.get(key)?.text.length ?? 0;
    this.#remembered.delete(key);
  }
}

/** Of chunks of one write, the first of them first. */
function stateOf(chunks: readonly Chunk[], revision: number): RepositoryScanState {
  const tags = new Map<string, TagScanState>();
  for (const chunk of chunks) {
    for (const [tag, sequence, seen, missing] of chunk.tags) {
      tags.set(tag, { sequence, lastSeenAt: new Date(seen), missingSince: missing === 0 ? null : new Date(missing) });
    }
  }
  const { cursor, fullAt } = chunks[0] ?? {};
  return {
    tags,
    revision,
    ...(cursor === undefined ? {} : { cursor }),
    ...(fullAt === undefined ? {} : { fullAt: new Date(fullAt) }),
  };
}

function chunkKey(key: string, index: number): string {
  return `${key}.${index}`;
}

/** Null for what no version of this program wrote, as for nothing. */
function chunkIn(entry: KvEntry | null): Chunk | null {
  return entry?.operation === 'PUT' ? parse(entry.string()) : null;
}

function parse(text: string): Chunk | null {
  try {
    const chunk = JSON.parse(text) as Chunk;
    return Number.isInteger(chunk.chunks) && chunk.chunks > 0 && Array.isArray(chunk.tags) ? chunk : null;
  } catch {
    return null;
  }
}
