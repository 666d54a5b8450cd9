/** Decides when a request may be sent to a registry. One budget per registry, whoever asks. */
export interface Throttle {
  /**
   * Resolves when one request may be sent; null: it may be at once. Rejects with a `RegistryFailure` of code `throttled`, naming `retryAt`,
   * while the registry is halted, and with the signal's reason when that is aborted.
   */
  acquire(registry: string, signal?: AbortSignal): Promise<void> | null;
  /** The registry said "too many requests", or named a time: nothing is sent to it before `until`. */
  halt(registry: string, until: Date, reason: string): Promise<void>;
}
