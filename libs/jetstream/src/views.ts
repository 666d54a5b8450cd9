import { tagKey, parseTagKey } from '@dtm/events';
import type { Reference } from '@dtm/oci';
import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { BUCKETS } from './streams.ts';

/** References whose last noted view is remembered in the process; beyond it the bucket is asked again. */
const REMEMBERED = 50_000;

/** KV VIEWS: when each tag was last looked at. */
export class ViewLog {
  readonly #kv: KV;
  readonly #noted = new Map<string, number>();

  private constructor(kv: KV) {
    this.#kv = kv;
  }

  static async open(nc: NatsConnection): Promise<ViewLog> {
    return new ViewLog(await new Kvm(nc).open(BUCKETS.views));
  }

  /** Notes a view unless one was noted within the threshold; true where it was written. */
  async noteView(reference: Reference, at: Date, threshold: { ms: number }): Promise<boolean> {
    const key = tagKey(reference);
    const remembered = this.#noted.get(key);
    if (remembered !== undefined && at.getTime() - remembered < threshold.ms) return false;
    if (remembered === undefined) {
      const stored = await this.lastView(reference);
      if (stored !== null && at.getTime() - stored.getTime() < threshold.ms) {
        this.#remember(key, stored.getTime());
        return false;
      }
    }
    await this.#kv.put(key, at.toISOString());
    this.#remember(key, at.getTime());
    return true;
  }

  /** Null where no view was ever noted. */
  async lastView(reference: Reference): Promise<Date | null> {
    const entry = await this.#kv.get(tagKey(reference));
    return entry?.operation === 'PUT' ? new Date(entry.string()) : null;
  }

  /** Every noted view, by canonical reference. */
  async all(): Promise<Map<string, Date>> {
    const views = new Map<string, Date>();
    const watch = await this.#kv.history();
    for await (const entry of watch) {
      if (entry.operation === 'PUT') views.set(parseTagKey(entry.key).toString(), new Date(entry.string()));
    }
    return views;
  }

  #remember(key: string, at: number): void {
    if (this.#noted.size >= REMEMBERED) this.#noted.clear();
    this.#noted.set(key, at);
  }
}
