import { pause, type LeasePurpose, type ThrottleBook } from '@dtm/jetstream';
import { RegistryFailure, type Throttle } from '@dtm/registry-client';

interface Waiter {
  resolve: () => void;
  reject: (error: unknown) => void;
}

interface Budget {
  waiting: Waiter[];
  /** Leased and not used yet. */
  tokens: number;
  /** Epoch ms; what is left then is given up, as the lease was for a moment. */
  expiresAt: number;
  pumping: boolean;
}

/** Told whenever a registry is found to be halted, by this process or by another one. */
export type OnHalt = (registry: string, until: Date) => void;

const LEASE_LIFE_MS = 1_000;
/** Strangers name any number of registries: from so many on, those that nobody asks are forgotten. */
const MANY = 1_000;
/** Leases of a twentieth of a second's requests keep the bucket quiet where the rate is high. */
const LEASES_PER_SECOND = 20;

/** The registries' budgets, shared by all fetchers through the throttle book, handed out to this process's requests. */
export class SharedThrottle implements Throttle {
  readonly #book: ThrottleBook;
  readonly #rateOf: (registry: string) => number;
  readonly #purpose: LeasePurpose;
  readonly #onHalt: OnHalt;
  readonly #budgets = new Map<string, Budget>();

  constructor(
    book: ThrottleBook,
    rateOf: (registry: string) => number,
    purpose: LeasePurpose,
    onHalt: OnHalt = () => undefined,
  ) {
    this.#book = book;
    this.#rateOf = rateOf;
    this.#purpose = purpose;
    this.#onHalt = onHalt;
  }

  /** Registries that this process holds anything of. */
  get size(): number {
    return this.#budgets.size;
  }

  acquire(registry: string, signal?: AbortSignal): Promise<void> | null {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    const budget = this.#budgetOf(registry);
    if (budget.tokens > 0 && budget.waiting.length === 0 && Date.now() < budget.expiresAt) {
      budget.tokens--;
      return null;
    }
    return this.#wait(registry, budget, signal);
  }

  async halt(registry: string, until: Date, reason: string): Promise<void> {
    const budget = this.#budgets.get(registry);
    if (budget !== undefined) budget.tokens = 0;
    this.#onHalt(registry, until);
    await this.#book.halt(registry, until, reason);
  }

  /** A waiter that is aborted leaves at once: a slow registry must not hold up the end of the process. */
  #wait(registry: string, budget: Budget, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      };
      const onAbort = (): void => {
        budget.waiting = budget.waiting.filter((other) => other !== waiter);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      budget.waiting.push(waiter);
      if (!budget.pumping) void this.#pump(registry, budget);
    });
  }

  async #pump(registry: string, budget: Budget): Promise<void> {
    budget.pumping = true;
    try {
      while (budget.waiting.length > 0) {
        const wanted = Math.max(budget.waiting.length, Math.floor(this.#rateOf(registry) / LEASES_PER_SECOND));
        const lease = await this.#book.lease(registry, wanted, this.#purpose);
        if (lease.halted) {
          this.#onHalt(registry, lease.retryAt);
          rejectAll(budget, halted(registry, lease.retryAt));
          return;
        }
        budget.tokens = lease.granted;
        budget.expiresAt = Date.now() + LEASE_LIFE_MS;
        for (const waiter of budget.waiting.splice(0, budget.tokens)) {
          budget.tokens--;
          waiter.resolve();
        }
        if (budget.waiting.length > 0 && lease.granted === 0)
          await pause(Math.max(1, lease.retryAt.getTime() - Date.now()));
      }
    } catch (error) {
      rejectAll(budget, error);
    } finally {
      budget.pumping = false;
    }
  }

  #budgetOf(registry: string): Budget {
    let budget = this.#budgets.get(registry);
    if (budget === undefined) {
      if (this.#budgets.size >= MANY) this.#forgetIdle();
      budget = { waiting: [], tokens: 0, expiresAt: 0, pumping: false };
      this.#budgets.set(registry, budget);
    }
    return budget;
  }

  /** What they hold is a lease that has ended; that a registry is halted stands in the book. */
  #forgetIdle(): void {
    const now = Date.now();
    for (const [registry, { pumping, expiresAt }] of this.#budgets) {
      if (!pumping && expiresAt <= now) this.#budgets.delete(registry);
    }
  }
}

function rejectAll(budget: Budget, error: unknown): void {
  for (const waiter of budget.waiting.splice(0)) waiter.reject(error);
}

function halted(registry: string, retryAt: Date): RegistryFailure {
  return new RegistryFailure({
    code: 'throttled',
    operation: 'ask',
    reference: registry,
    reason: `the registry asked for a pause until ${retryAt.toISOString()}`,
    retryAt,
    requests: 0,
  });
}
