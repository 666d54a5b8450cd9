import { decodeTracking, EVENT_TYPES, repositoryKey, type TrackedBy, type UntrackedBy } from '@dtm/events';
import type { NatsConnection } from '@nats-io/transport-node';
import type { TraceContext } from '@dtm/tracing';
import type { StoredMessage } from './reader.ts';
import { STREAMS } from './streams.ts';
import { Tail } from './tail.ts';

/** A tag that is tracked. */
export interface TrackedTag {
  tag: string;
  /** Sequence in TRACKING of the event that asked for it. */
  sequence: number;
  by: TrackedBy;
  /** Epoch ms: a Date takes six times the memory, and there are many. */
  trackedAt: number;
}

/** A repository with at least one tracked tag. */
export interface TrackedRepository {
  registry: string;
  repository: string;
  tags: ReadonlyMap<string, TrackedTag>;
  /** Sequence in TRACKING of the newest request for one of its tags: schedulers look at it several times a second. */
  newestSequence: number;
  /** Where in its trace that request was made. */
  newestTrace?: TraceContext | undefined;
}

interface MutableRepository {
  registry: string;
  repository: string;
  tags: Map<string, TrackedTag>;
  newestSequence: number;
  newestTrace?: TraceContext | undefined;
}

/** Told of each change of what is tracked, also of those read at the start. */
export type TrackingListener = (change: {
  registry: string;
  repository: string;
  tag: string;
  tracked: boolean;
}) => void;

/** What is tracked, in memory. */
export class TrackingTail extends Tail {
  readonly #repositories = new Map<string, MutableRepository>();
  readonly #endedBy = new Map<string, UntrackedBy>();
  readonly #listeners: TrackingListener[] = [];
  readonly #onUnreadable: (message: StoredMessage, error: unknown) => void;

  constructor(nc: NatsConnection, onUnreadable: (message: StoredMessage, error: unknown) => void) {
    super(nc, STREAMS.tracking);
    this.#onUnreadable = onUnreadable;
  }

  /** Registers a listener; call before `start`. */
  onChange(listener: TrackingListener): void {
    this.#listeners.push(listener);
  }

  /** Null where none of its tags is tracked. */
  repository(name: { registry: string; repository: string }): TrackedRepository | null {
    return this.#repositories.get(repositoryKey(name)) ?? null;
  }

  /** Every repository with a tracked tag. */
  repositories(): Iterable<TrackedRepository> {
    return this.#repositories.values();
  }

  /** Who ended the tracking of a tag that is no longer tracked; null where it is, or never was. */
  endedBy(reference: { registry: string; repository: string; tag: string }): UntrackedBy | null {
    return this.#endedBy.get(`${repositoryKey(reference)}:${reference.tag}`) ?? null;
  }

  protected override apply(message: StoredMessage): void {
    let event;
    try {
      event = decodeTracking(message.data);
    } catch (error) {
      this.#onUnreadable(message, error);
      return;
    }
    const { registry, repository, tag } = event.data;
    const key = repositoryKey(event.data);
    const tracked = event.type === EVENT_TYPES.TagTracked;
    if (event.type === EVENT_TYPES.TagTracked) {
      const entry = this.#repositories.get(key) ?? {
        registry,
        repository,
        tags: new Map<string, TrackedTag>(),
        newestSequence: 0,
      };
      entry.newestSequence = message.sequence;
      entry.newestTrace = message.trace;
      const { by, trackedAt } = event.data;
      entry.tags.set(tag, { tag, sequence: message.sequence, by, trackedAt: Date.parse(trackedAt) });
      this.#repositories.set(key, entry);
      this.#endedBy.delete(`${key}:${tag}`);
    } else {
      const entry = this.#repositories.get(key);
      entry?.tags.delete(tag);
      if (entry?.tags.size === 0) this.#repositories.delete(key);
      this.#endedBy.set(`${key}:${tag}`, event.data.by);
    }
    for (const listener of this.#listeners) listener({ registry, repository, tag, tracked });
  }
}
