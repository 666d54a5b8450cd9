import { repositoryKey } from '@dtm/events';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { isWrongSequence } from './failures.ts';
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
  readonly #kv: KV;

  private constructor(kv: KV) {
    this.#kv = kv;
  }

  static async open(nc: NatsConnection): Promise<ScanStateStore> {
    return new ScanStateStore(await new Kvm(nc).open(BUCKETS.scanState));
  }

  /** What is stored; chunks that do not belong to the first one are left out: their tags fall back to weaker bounds. */
  async read(name: { registry: string; repository: string }): Promise<RepositoryScanState> {
    const key = repositoryKey(name);
    const first = await this.#kv.get(key);
    const head = chunkIn(first);
    if (head === null) return { tags: new Map(), revision: first?.revision ?? 0 };
    const others = await Promise.all(
      Array.from({ length: head.chunks - 1 }, async (_, i) => chunkIn(await this.#kv.get(chunkKey(key, i + 1)))),
    );
    const tags = new Map<string, TagScanState>();
    for (const chunk of [head, ...others]) {
      if (chunk?.write !== head.write) continue;
      for (const [tag, sequence, seen, missing] of chunk.tags) {
        tags.set(tag, { sequence, lastSeenAt: new Date(seen), missingSince: missing === 0 ? null : new Date(missing) });
      }
    }
    return {
      tags,
      revision: first?.revision ?? 0,
      ...(head.cursor === undefined ? {} : { cursor: head.cursor }),
      ...(head.fullAt === undefined ? {} : { fullAt: new Date(head.fullAt) }),
    };
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
    try {
      await this.#kv.put(key, value(0), { previousSeq: revision });
    } catch (error) {
      if (isWrongSequence(error)) return false;
      throw error;
    }
    for (let i = 1; i < chunks; i++) await this.#kv.put(chunkKey(key, i), value(i));
    return true;
  }
}

function chunkKey(key: string, index: number): string {
  return `${key}.${index}`;
}

/** Null for what no version of this program wrote, as for nothing. */
function chunkIn(entry: KvEntry | null): Chunk | null {
  if (entry?.operation !== 'PUT') return null;
  try {
    const chunk = entry.json<Chunk>();
    return Number.isInteger(chunk.chunks) && chunk.chunks > 0 && Array.isArray(chunk.tags) ? chunk : null;
  } catch {
    return null;
  }
}
