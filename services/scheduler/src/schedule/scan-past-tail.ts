import { decodeScanLog, EVENT_TYPES, type RepositoryScanned, type ScanLogEvent } from '@dtm/events';
import { STREAMS, Tail, type NatsConnection, type StoredMessage } from '@dtm/jetstream';
import type { ScanPast } from './next-scan.ts';

const NEVER: ScanPast = { lastStartedAt: null, lastSucceededAt: null, lastForPersonAt: null, trackingSequence: 0 };

/** How the last scan of each repository went, from SCAN_LOG: what makes the schedule survive a restart. */
export class ScanPastTail extends Tail {
  /** By canonical name. */
  readonly #past = new Map<string, ScanPast>();
  readonly #onUnreadable: (message: StoredMessage, error: unknown) => void;

  constructor(nc: NatsConnection, onUnreadable: (message: StoredMessage, error: unknown) => void) {
    super(nc, STREAMS.scanLog);
    this.#onUnreadable = onUnreadable;
  }

  /** The same object as long as no further scan has ended. */
  past(name: { registry: string; repository: string }): ScanPast {
    return this.#past.get(textOf(name)) ?? NEVER;
  }

  protected override apply(message: StoredMessage): void {
    try {
      const { type, data } = read(message.data);
      const before = this.past(data);
      const startedAt = new Date(data.startedAt);
      this.#past.set(textOf(data), {
        lastStartedAt: later(before.lastStartedAt, startedAt),
        lastSucceededAt:
          type === EVENT_TYPES.RepositoryScanned ? later(before.lastSucceededAt, startedAt) : before.lastSucceededAt,
        lastForPersonAt: data.reason === 'person' ? later(before.lastForPersonAt, startedAt) : before.lastForPersonAt,
        trackingSequence: Math.max(before.trackingSequence, data.trackingSequence),
      });
    } catch (error) {
      this.#onUnreadable(message, error);
    }
  }
}

interface PastEvent {
  type: ScanLogEvent['type'];
  data: Pick<RepositoryScanned, 'registry' | 'repository' | 'startedAt' | 'reason' | 'trackingSequence'>;
}

const UTF8 = new TextDecoder();

/**
 * What this tail wants of an event. Checking all of it takes three times as long, and there is one for each scan; what does
 * not look like an event of the current version is left to those who know.
 */
function read(bytes: Uint8Array): PastEvent {
  try {
    const event = JSON.parse(UTF8.decode(bytes)) as PastEvent;
    if (isPastEvent(event)) return event;
  } catch {
    // Told by what follows.
  }
  return decodeScanLog(bytes);
}

function isPastEvent({ type, data: { registry, repository, startedAt, trackingSequence } }: PastEvent): boolean {
  return (
    (type === EVENT_TYPES.RepositoryScanned || type === EVENT_TYPES.RepositoryScanFailed) &&
    typeof registry === 'string' &&
    typeof repository === 'string' &&
    Number.isFinite(Date.parse(startedAt)) &&
    Number.isInteger(trackingSequence)
  );
}

function textOf({ registry, repository }: { registry: string; repository: string }): string {
  return `${registry}/${repository}`;
}

function later(a: Date | null, b: Date): Date {
  return a !== null && a > b ? a : b;
}
