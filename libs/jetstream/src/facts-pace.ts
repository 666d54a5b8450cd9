import { escapePart } from '@dtm/events';
import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { isWrongSequence } from './failures.ts';
import { BUCKETS } from './streams.ts';

/** Share of a registry's rate that goes into facts over time; the rest is for scans. */
const SHARE = 0.2;
/** However much was spent: a rate that was configured wrong must not stop facts for good. */
const LONGEST_REST_MS = 15 * 60_000;
const CAS_ATTEMPTS = 100;

/**
 * How fast facts are read, across all fetchers together: a fifth of a registry's rate over time. Each request that was
 * spent on facts puts off when the next may be read, in KV THROTTLE beside the registry's budget.
 */
export class FactsPace {
  readonly #kv: KV;
  readonly #rateOf: (registry: string) => number;
  readonly #now: () => Date;

  private constructor(kv: KV, rateOf: (registry: string) => number, now: () => Date) {
    this.#kv = kv;
    this.#rateOf = rateOf;
    this.#now = now;
  }

  static async open(
    nc: NatsConnection,
    rateOf: (registry: string) => number,
    now: () => Date = (): Date => new Date(),
  ): Promise<FactsPace> {
    return new FactsPace(await new Kvm(nc).open(BUCKETS.throttle), rateOf, now);
  }

  /** Counts requests that were spent on facts; answers when the next may be read. */
  async spend(registry: string, requests: number): Promise<Date> {
    const key = `facts.${escapePart(registry)}`;
    for (let attempt = 1; ; attempt++) {
      const entry = await this.#kv.get(key);
      const now = this.#now().getTime();
      const before = entry?.operation === 'PUT' ? Number(entry.string()) : Number.NaN;
      const costMs = (requests * 1000) / (this.#rateOf(registry) * SHARE);
      const from = Number.isFinite(before) ? Math.max(now, before) : now;
      const dueAt = Math.min(from + costMs, now + LONGEST_REST_MS);
      try {
        await this.#kv.put(key, String(Math.ceil(dueAt)), { previousSeq: entry?.revision ?? 0 });
        return new Date(dueAt);
      } catch (error) {
        if (isWrongSequence(error) && attempt < CAS_ATTEMPTS) continue;
        throw new Error(`could not write the pace of facts of ${registry}`, { cause: error });
      }
    }
  }
}
