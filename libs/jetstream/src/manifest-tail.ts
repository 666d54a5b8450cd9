import { createHash } from 'node:crypto';
import { decodeManifest, EVENT_TYPES } from '@dtm/events';
import type { NatsConnection } from '@nats-io/transport-node';
import type { StoredMessage } from './reader.ts';
import { STREAMS } from './streams.ts';
import { Tail } from './tail.ts';

const NOT_TOLD = 0;

/** Which digests are described, and when each image was built, in memory. */
export class ManifestTail extends Tail {
  /**
   * Epoch seconds by digest; 0 where the image does not say when it was built. There are more digests than tags, so each
   * takes as little as it can, some 90 bytes: a key of 32 bytes instead of 71, and a number that needs no object.
   */
  readonly #builtAt = new Map<string, number>();
  readonly #onUnreadable: (message: StoredMessage, error: unknown) => void;

  constructor(nc: NatsConnection, onUnreadable: (message: StoredMessage, error: unknown) => void) {
    super(nc, STREAMS.manifests);
    this.#onUnreadable = onUnreadable;
  }

  isDescribed(digest: string): boolean {
    return this.#builtAt.has(keyOf(digest));
  }

  /** When the image was built, to the second; null where it does not say, and where it is not described. */
  builtAt(digest: string): Date | null {
    const seconds = this.#builtAt.get(keyOf(digest)) ?? NOT_TOLD;
    return seconds === NOT_TOLD ? null : new Date(seconds * 1000);
  }

  /** Digests that are described. */
  get size(): number {
    return this.#builtAt.size;
  }

  protected override apply(message: StoredMessage): void {
    try {
      const { digest, createdAt } = read(message.data);
      const key = keyOf(digest);
      // The first event of a digest is the one that counts.
      if (this.#builtAt.has(key)) return;
      this.#builtAt.set(key, createdAt === null ? NOT_TOLD : Math.floor(Date.parse(createdAt) / 1000));
    } catch (error) {
      this.#onUnreadable(message, error);
    }
  }
}

interface BuildDate {
  digest: string;
  createdAt: string | null;
}

const utf8 = new TextDecoder();

/**
 * What this tail wants of an event. Checking all of it would take three times as long, at each start for every digest there
 * is; what does not look like an event of the current version is left to those who know.
 */
function read(bytes: Uint8Array): BuildDate {
  try {
    const { type, data } = JSON.parse(utf8.decode(bytes)) as { type: unknown; data: BuildDate };
    const dated = data.createdAt === null || Number.isFinite(Date.parse(data.createdAt));
    if (type === EVENT_TYPES.ManifestDescribed && typeof data.digest === 'string' && dated) return data;
  } catch {
    // Told by what follows.
  }
  return decodeManifest(bytes).data;
}

const SHA256 = /^sha256:[a-f0-9]{64}$/;

/** 32 characters of one byte each: a SHA-256 itself, or one of another algorithm's digest. */
function keyOf(digest: string): string {
  return SHA256.test(digest)
    ? Buffer.from(digest.slice('sha256:'.length), 'hex').toString('latin1')
    : createHash('sha256').update(digest).digest('binary');
}
