import { decodeHistory, EVENT_TYPES, hashOf, tagKey } from '@dtm/events';
import type { NatsConnection } from '@nats-io/transport-node';
import type { StoredMessage } from './reader.ts';
import { STREAMS } from './streams.ts';
import { Tail } from './tail.ts';

/** The last event of a tag's history, as far as the next one needs it. */
export interface HistoryHead {
  /** Stream sequence of that event. */
  sequence: number;
  /** SHA-256 of its stored bytes. */
  hash: string;
  /** The digest that the tag points to, or pointed to before it disappeared. */
  digest: string;
  /** Whether the event is the tag's disappearance. */
  gone: boolean;
  /** When the event was observed. */
  observedAt: Date;
  /** When the digest was pushed, where the registry said so. */
  pushedAt: Date | null;
  /** When the tag last changed; null where the event is its baseline. */
  changedAt: Date | null;
}

const PREFIX = 'history.';

/** The last event of every tag, in memory: what "changed" is decided against. */
export class HistoryTail extends Tail {
  readonly #heads = new Map<string, HistoryHead>();
  readonly #onUnreadable: (message: StoredMessage, error: unknown) => void;

  constructor(nc: NatsConnection, onUnreadable: (message: StoredMessage, error: unknown) => void) {
    super(nc, STREAMS.history);
    this.#onUnreadable = onUnreadable;
  }

  /** Null for a tag without history. */
  head(reference: { registry: string; repository: string; tag: string }): HistoryHead | null {
    return this.#heads.get(tagKey(reference)) ?? null;
  }

  /** Tags with history. */
  get size(): number {
    return this.#heads.size;
  }

  protected override apply(message: StoredMessage): void {
    // Imports are history, but no observation: the change test never sees them.
    if (!message.subject.startsWith(PREFIX)) return;
    try {
      this.#heads.set(message.subject.slice(PREFIX.length), headOf(message));
    } catch (error) {
      this.#onUnreadable(message, error);
    }
  }
}

/** Reads a stored event of HISTORY as the head of its tag; throws `UnreadableEvent`. */
export function headOf(message: Pick<StoredMessage, 'sequence' | 'data'>): HistoryHead {
  const event = decodeHistory(message.data);
  const observed = event.type === EVENT_TYPES.DigestObserved;
  return {
    sequence: message.sequence,
    hash: hashOf(message.data),
    digest: observed ? event.data.digest : event.data.previous.digest,
    gone: !observed,
    observedAt: new Date(event.data.observedAt),
    pushedAt: observed && event.data.pushedAt !== undefined ? new Date(event.data.pushedAt) : null,
    changedAt: event.data.previous === null ? null : new Date(event.data.observedAt),
  };
}
