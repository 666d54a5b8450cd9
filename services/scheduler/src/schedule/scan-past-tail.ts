import { decodeScanLog, EVENT_TYPES, repositoryKey } from '@dtm/events';
import { STREAMS, Tail, type NatsConnection, type StoredMessage } from '@dtm/jetstream';
import type { ScanPast } from './next-scan.ts';

const NEVER: ScanPast = { lastStartedAt: null, lastSucceededAt: null, trackingSequence: 0 };

/** How the last scan of each repository went, from SCAN_LOG: what makes the schedule survive a restart. */
export class ScanPastTail extends Tail {
  readonly #past = new Map<string, ScanPast>();
  readonly #onUnreadable: (message: StoredMessage, error: unknown) => void;

  constructor(nc: NatsConnection, onUnreadable: (message: StoredMessage, error: unknown) => void) {
    super(nc, STREAMS.scanLog);
    this.#onUnreadable = onUnreadable;
  }

  past(name: { registry: string; repository: string }): ScanPast {
    return this.#past.get(repositoryKey(name)) ?? NEVER;
  }

  protected override apply(message: StoredMessage): void {
    try {
      const { type, data } = decodeScanLog(message.data);
      const key = repositoryKey(data);
      const before = this.#past.get(key) ?? NEVER;
      const startedAt = new Date(data.startedAt);
      const succeeded = type === EVENT_TYPES.RepositoryScanned ? startedAt : before.lastSucceededAt;
      this.#past.set(key, {
        lastStartedAt: later(before.lastStartedAt, startedAt),
        lastSucceededAt: succeeded === null ? null : later(before.lastSucceededAt, succeeded),
        trackingSequence: Math.max(before.trackingSequence, data.trackingSequence),
      });
    } catch (error) {
      this.#onUnreadable(message, error);
    }
  }
}

function later(a: Date | null, b: Date): Date {
  return a !== null && a > b ? a : b;
}
