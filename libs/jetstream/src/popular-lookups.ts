import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { isWrongSequence } from './failures.ts';
import { BUCKETS } from './streams.ts';

/** How often popular images are looked up, and how many. */
export interface LookupPlan {
  count: number;
  everyMs: number;
  /** A look that did not succeed is repeated after it. */
  retryMs: number;
}

/** The right to look now, or when there may be one. */
export type LookupTurn = { mayLook: true; revision: number } | { mayLook: false; againAt: Date };

interface Stored {
  /** Epoch ms; of the last look that anyone began and did not bring to success; 0: there is none. */
  begunAt: number;
  /** Epoch ms; of the last one that succeeded; 0: none. */
  succeededAt: number;
  /** How many that one looked for. */
  count: number;
}

/** One name of its own: keys of repositories have at least two parts. */
const KEY = 'popular-images';

const NONE: Stored = { begunAt: 0, succeededAt: 0, count: 0 };

/**
 * When popular images were looked up last, in KV SCAN_STATE under `popular-images`; its writers are the schedulers, by
 * compare-and-swap, so that one of several looks, and none again after a restart. Losing it costs one look.
 */
export class PopularLookups {
  readonly #kv: KV;

  private constructor(kv: KV) {
    this.#kv = kv;
  }

  static async open(nc: NatsConnection): Promise<PopularLookups> {
    return new PopularLookups(await new Kvm(nc).open(BUCKETS.scanState));
  }

  /** Takes the turn where a look is due. Times in the future, of a clock that was off, are no reason to wait. */
  async takeTurn(now: Date, { count, everyMs, retryMs }: LookupPlan): Promise<LookupTurn> {
    const { stored, revision } = await this.#read();
    const past = (at: number): number => (at > now.getTime() ? 0 : at);
    const due = stored.count < count ? 0 : past(stored.succeededAt) + everyMs;
    const againAt = Math.max(due, past(stored.begunAt) + retryMs);
    if (againAt > now.getTime()) return { mayLook: false, againAt: new Date(againAt) };
    const taken = await this.#put({ ...stored, begunAt: now.getTime() }, revision);
    if (taken === null) return { mayLook: false, againAt: new Date(now.getTime() + retryMs) };
    return { mayLook: true, revision: taken };
  }

  /** Gives the turn back where nobody could be asked: that was no look. */
  async giveBack({ revision }: { revision: number }): Promise<void> {
    const { stored, revision: present } = await this.#read();
    if (present === revision) await this.#put({ ...stored, begunAt: 0 }, revision);
  }

  /** Notes that the look succeeded; whoever has looked since then notes it himself. */
  async succeeded({ revision }: { revision: number }, at: Date, count: number): Promise<void> {
    await this.#put({ begunAt: 0, succeededAt: at.getTime(), count }, revision);
  }

  async #read(): Promise<{ stored: Stored; revision: number }> {
    const entry = await this.#kv.get(KEY);
    const revision = entry?.revision ?? 0;
    if (entry?.operation !== 'PUT') return { stored: NONE, revision };
    try {
      const stored = entry.json<Stored>();
      const numbers = [stored.begunAt, stored.succeededAt, stored.count];
      return { stored: numbers.every(Number.isFinite) ? stored : NONE, revision };
    } catch {
      return { stored: NONE, revision };
    }
  }

  /** Null where another has written since. */
  async #put(stored: Stored, revision: number): Promise<number | null> {
    try {
      return await this.#kv.put(KEY, JSON.stringify(stored), { previousSeq: revision });
    } catch (error) {
      if (isWrongSequence(error)) return null;
      throw error;
    }
  }
}
