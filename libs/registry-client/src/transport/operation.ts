import { RegistryFailure, Trouble } from '../failure.ts';

/** One thing done for a caller: counts its requests, keeps its time, and names it where it fails. */
export class Operation {
  readonly registry: string;
  readonly signal: AbortSignal | undefined;
  /** HTTP requests sent so far. */
  requests = 0;
  /** Milliseconds of network time that are left. */
  remainingMs: number;
  readonly #name: string;
  readonly #target: { toString(): string };

  constructor(
    name: string,
    target: { readonly registry: string; toString(): string },
    budgetMs: number,
    signal: AbortSignal | undefined,
  ) {
    signal?.throwIfAborted();
    this.#name = name;
    this.#target = target;
    this.registry = target.registry;
    this.remainingMs = budgetMs;
    this.signal = signal;
  }

  /** What the caller gets for an error from below: a `RegistryFailure`, or the error itself where it is a broken invariant. */
  failure(error: unknown): unknown {
    if (this.signal?.aborted === true && error === this.signal.reason) return error;
    const known = error instanceof Trouble || error instanceof RegistryFailure;
    if (!known) return error;
    return new RegistryFailure({
      code: error.code,
      operation: this.#name,
      reference: this.#target.toString(),
      reason: error instanceof RegistryFailure ? error.reason : error.message,
      retryAt: error.retryAt,
      requests: this.requests,
      cause: error.cause,
    });
  }
}
