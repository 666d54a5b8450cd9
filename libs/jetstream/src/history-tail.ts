import { decodeHistory, EVENT_TYPES, hashOf, type HistoryEvent } from '@dtm/events';
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

/** A head as it is kept: times as epoch ms, since a Date takes six times the memory of a number, and there are many. */
interface KeptHead {
  sequence: number;
  hash: string;
  digest: string;
  gone: boolean;
  observedAt: number;
  pushedAt: number | null;
  changedAt: number | null;
}

/** The last event of every tag, in memory: what "changed" is decided against. */
export class HistoryTail extends Tail {
  /** By canonical reference: scans look up every tag several times, and keys of the stream would have to be escaped first. */
  readonly #heads = new Map<string, KeptHead>();
  readonly #onUnreadable: (message: StoredMessage, error: unknown) => void;

  constructor(nc: NatsConnection, onUnreadable: (message: StoredMessage, error: unknown) => void) {
    super(nc, STREAMS.history);
    this.#onUnreadable = onUnreadable;
  }

  /** Null for a tag without history. */
  head(reference: { registry: string; repository: string; tag: string }): HistoryHead | null {
    const kept = this.#heads.get(textOf(reference));
    return kept === undefined ? null : headOfKept(kept);
  }

  /** Tags with history. */
  get size(): number {
    return this.#heads.size;
  }

  protected override apply(message: StoredMessage): void {
    // Imports are history, but no observation: the change test never sees them.
    if (!message.subject.startsWith(PREFIX)) return;
    try {
      const event = decodeHistory(message.data);
      this.#heads.set(textOf(event.data), keptHead(event, message));
    } catch (error) {
      this.#onUnreadable(message, error);
    }
  }
}

/** Reads a stored event of HISTORY as the head of its tag; throws `UnreadableEvent`. */
export function headOf(message: Pick<StoredMessage, 'sequence' | 'data'>): HistoryHead {
  return headOfKept(keptHead(decodeHistory(message.data), message));
}

function keptHead(event: HistoryEvent, message: Pick<StoredMessage, 'sequence' | 'data'>): KeptHead {
  const observed = event.type === EVENT_TYPES.DigestObserved;
  const observedAt = Date.parse(event.data.observedAt);
  return {
    sequence: message.sequence,
    hash: hashOf(message.data),
    digest: observed ? event.data.digest : event.data.previous.digest,
    gone: !observed,
    observedAt,
    pushedAt: observed && event.data.pushedAt !== undefined ? Date.parse(event.data.pushedAt) : null,
    changedAt: event.data.previous === null ? null : observedAt,
  };
}

function headOfKept({ observedAt, pushedAt, changedAt, ...rest }: KeptHead): HistoryHead {
  const date = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));
  return { ...rest, observedAt: new Date(observedAt), pushedAt: date(pushedAt), changedAt: date(changedAt) };
}

function textOf({ registry, repository, tag }: { registry: string; repository: string; tag: string }): string {
  return `${registry}/${repository}:${tag}`;
}
