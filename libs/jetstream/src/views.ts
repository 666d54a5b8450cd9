import { tagKey, parseTagKey } from '@dtm/events';
import type { Reference } from '@dtm/oci';
import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { readStream } from './reader.ts';
import { BUCKETS, streamState } from './streams.ts';

/** What lies behind the bucket. */
const STREAM = `KV_${BUCKETS.views}`;

/** References whose last noted view is remembered in the process; beyond it the bucket is asked again. */
const REMEMBERED = 50_000;

/** KV VIEWS: when each tag was last looked at. */
export class ViewLog {
  readonly #nc: NatsConnection;
  readonly #kv: KV;
  readonly #noted = new Map<string, number>();

  private constructor(nc: NatsConnection, kv: KV) {
    this.#nc = nc;
    this.#kv = kv;
  }

  static async open(nc: NatsConnection): Promise<ViewLog> {
    return new ViewLog(nc, await new Kvm(nc).open(BUCKETS.views));
  }

  /** Notes a view unless one was noted within the threshold; true where it was written. */
  async noteView(reference: Reference, at: Date, threshold: { ms: number }): Promise<boolean> {
    const key = tagKey(reference);
    const recent = (noted: number): boolean => at.getTime() - noted < threshold.ms;
    const remembered = this.#noted.get(key);
    if (remembered !== undefined && recent(remembered)) return false;
    // Another api may have noted one since.
    const stored = await this.lastView(reference);
    if (stored !== null && recent(stored.getTime())) {
      this.#remember(key, stored.getTime());
      return false;
    }
    await this.#kv.put(key, at.toISOString());
    this.#remember(key, at.getTime());
    return true;
  }

  /** Null where no view was ever noted. */
  async lastView(reference: Reference): Promise<Date | null> {
    const entry = await this.#kv.get(tagKey(reference));
    return entry?.operation === 'PUT' ? dateOf(entry.string()) : null;
  }

  /** When the bucket was made: it knows of no view before that, as the one before it may be lost. */
  async madeAt(): Promise<Date> {
    return (await streamState(this.#nc, STREAM)).created;
  }

  /** Every noted view, by canonical reference. All of them or an error: what is missing here would expire. */
  async all(): Promise<Map<string, Date>> {
    const views = new Map<string, Date>();
    const { firstSequence, lastSequence } = await streamState(this.#nc, STREAM);
    if (firstSequence > lastSequence || lastSequence === 0) return views;
    const prefix = `$KV.${BUCKETS.views}.`;
    const { signal } = new AbortController();
    // A watch of the bucket takes a pause of the server for the end; the stream's last sequence is none too early.
    for await (const message of readStream(this.#nc, { stream: STREAM, after: 0, signal })) {
      const viewedAt = dateOf(Buffer.from(message.data).toString());
      const reference = referenceOf(message.subject.slice(prefix.length));
      if (viewedAt !== null && reference !== null) views.set(reference, viewedAt);
      if (message.sequence >= lastSequence) return views;
    }
    throw new Error('could not read the views: the connection to NATS is closed');
  }

  #remember(key: string, at: number): void {
    if (this.#noted.size >= REMEMBERED) this.#noted.clear();
    this.#noted.set(key, at);
  }
}

/** Null for a key that no version of this program wrote. */
function referenceOf(key: string): string | null {
  try {
    return parseTagKey(key).toString();
  } catch {
    return null;
  }
}

/** Null for a marker of a deleted key, which has no bytes. */
function dateOf(text: string): Date | null {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? null : at;
}
