import { decodeHistory, EVENT_TYPES, hashOf, UnreadableEvent, type HistoryEvent } from '@dtm/events';
import type { NatsConnection } from '@nats-io/transport-node';
import { HeadTable, type KeptHead } from './head-table.ts';
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
  /** Rows of the table, by canonical repository and tag: keys of the stream would have to be escaped first. */
  readonly #repositories = new Map<string, Map<string, number>>();
  readonly #heads = new HeadTable();
  readonly #onUnreadable: (message: StoredMessage, error: unknown) => void;

  constructor(nc: NatsConnection, onUnreadable: (message: StoredMessage, error: unknown) => void) {
    super(nc, STREAMS.history);
    this.#onUnreadable = onUnreadable;
  }

  /** Null for a tag without history. */
  head(reference: { registry: string; repository: string; tag: string }): HistoryHead | null {
    const row = this.#row(reference);
    return row === undefined ? null : headOfKept(this.#heads.get(row));
  }

  /** Of a tag's last event; 0 for a tag without history. Scans ask of every tag, and most are as they were. */
  headSequence(reference: { registry: string; repository: string; tag: string }): number {
    const row = this.#row(reference);
    return row === undefined ? 0 : this.#heads.sequence(row);
  }

  /** Tags with history. */
  get size(): number {
    return this.#heads.size;
  }

  protected override apply(message: StoredMessage): void {
    // Imports are history, but no observation: the change test never sees them.
    if (!message.subject.startsWith(PREFIX)) return;
    try {
      const event = read(message.data);
      this.#keep(event.data, keptHead(event, message));
    } catch (error) {
      this.#onUnreadable(message, error);
    }
  }

  #row({ registry, repository, tag }: TagName): number | undefined {
    return this.#repositories.get(`${registry}/${repository}`)?.get(tag);
  }

  #keep({ registry, repository, tag }: TagName, head: KeptHead): void {
    const name = `${registry}/${repository}`;
    let rows = this.#repositories.get(name);
    if (rows === undefined) {
      rows = new Map();
      this.#repositories.set(name, rows);
    }
    const row = rows.get(tag);
    if (row === undefined) rows.set(tag, this.#heads.add(head));
    else this.#heads.set(row, head);
  }
}

interface TagName {
  registry: string;
  repository: string;
  tag: string;
}

/** What a head is made of. */
interface HeadEvent {
  type: HistoryEvent['type'];
  data: TagName & {
    digest?: string;
    observedAt: string;
    pushedAt?: string | undefined;
    previous: { digest: string } | null;
  };
}

const UTF8 = new TextDecoder();

/**
 * What this tail wants of an event. Checking all of it takes three times as long, at each start for every tag there is; what
 * does not look like an event of the current version is left to those who know.
 */
function read(bytes: Uint8Array): HeadEvent {
  try {
    const event = JSON.parse(UTF8.decode(bytes)) as HeadEvent;
    if (isHeadEvent(event)) return event;
  } catch {
    // Told by what follows.
  }
  return decodeHistory(bytes);
}

function isHeadEvent({ type, data }: HeadEvent): boolean {
  const { registry, repository, tag, digest, observedAt, pushedAt, previous } = data;
  const names = [registry, repository, tag, type === EVENT_TYPES.TagDisappeared ? previous?.digest : digest];
  return (
    (type === EVENT_TYPES.DigestObserved || type === EVENT_TYPES.TagDisappeared) &&
    names.every((name) => typeof name === 'string' && name !== '') &&
    Number.isFinite(Date.parse(observedAt)) &&
    (pushedAt === undefined || Number.isFinite(Date.parse(pushedAt))) &&
    typeof previous === 'object'
  );
}

/** Reads a stored event of HISTORY as the head of its tag; throws `UnreadableEvent`. */
export function headOf(message: Pick<StoredMessage, 'sequence' | 'data'>): HistoryHead {
  return headOfKept(keptHead(decodeHistory(message.data), message));
}

function keptHead({ type, data }: HeadEvent, message: Pick<StoredMessage, 'sequence' | 'data'>): KeptHead {
  const observed = type === EVENT_TYPES.DigestObserved;
  const digest = observed ? data.digest : data.previous?.digest;
  if (digest === undefined) throw new UnreadableEvent(`${type} of ${data.tag} names no digest`);
  const observedAt = Date.parse(data.observedAt);
  return {
    sequence: message.sequence,
    hash: hashOf(message.data),
    digest,
    gone: !observed,
    observedAt,
    pushedAt: observed && data.pushedAt !== undefined ? Date.parse(data.pushedAt) : null,
    changedAt: data.previous === null ? null : observedAt,
  };
}

function headOfKept({ observedAt, pushedAt, changedAt, ...rest }: KeptHead): HistoryHead {
  const date = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));
  return { ...rest, observedAt: new Date(observedAt), pushedAt: date(pushedAt), changedAt: date(changedAt) };
}
