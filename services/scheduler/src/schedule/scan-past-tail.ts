import { decodeScanLog, EVENT_TYPES, type RepositoryScanned, type ScanLogEvent } from '@dtm/events';
import { CLOCK_TOLERANCE_MS, STREAMS, Tail, type NatsConnection, type StoredMessage } from '@dtm/jetstream';
import type { ScanPast } from './next-scan.ts';

const NEVER: ScanPast = { lastStartedAt: null, lastSucceededAt: null, lastForPersonAt: null, trackingSequence: 0 };

interface Known {
  past: ScanPast;
  /** Epoch ms at which the server stored the newest news of it. */
  toldAt: number;
}

/** How the last scan of each repository went, from SCAN_LOG: what makes the schedule survive a restart. */
export class ScanPastTail extends Tail {
  /** By canonical name. */
  readonly #known = new Map<string, Known>();
  readonly #onUnreadable: (message: StoredMessage, error: unknown) => void;

  constructor(nc: NatsConnection, onUnreadable: (message: StoredMessage, error: unknown) => void) {
    super(nc, STREAMS.scanLog);
    this.#onUnreadable = onUnreadable;
  }

  /**
   * The same object as long as no further scan has ended. A scan that "began" after `now` was told of by a clock that was
   * ahead: believed, it would keep the repository from being scanned until then. It had begun when it was told of.
   */
  past(name: { registry: string; repository: string }, now: Date): ScanPast {
    const known = this.#known.get(textOf(name));
    if (known === undefined) return NEVER;
    // None of the others is later.
    if (isAhead(known.past.lastStartedAt, now)) known.past = believed(known, now);
    return known.past;
  }

  protected override apply(message: StoredMessage): void {
    try {
      const { type, data } = read(message.data);
      const before = this.#known.get(textOf(data))?.past ?? NEVER;
      const startedAt = new Date(data.startedAt);
      const past = {
        lastStartedAt: later(before.lastStartedAt, startedAt),
        lastSucceededAt:
          type === EVENT_TYPES.RepositoryScanned ? later(before.lastSucceededAt, startedAt) : before.lastSucceededAt,
        lastForPersonAt: data.reason === 'person' ? later(before.lastForPersonAt, startedAt) : before.lastForPersonAt,
        trackingSequence: Math.max(before.trackingSequence, data.trackingSequence),
      };
      this.#known.set(textOf(data), { past, toldAt: message.storedAt.getTime() });
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

function isAhead(at: Date | null, now: Date): boolean {
  return at !== null && at.getTime() > now.getTime() + CLOCK_TOLERANCE_MS;
}

function believed({ past, toldAt }: Known, now: Date): ScanPast {
  // The server's clock may be the one that was ahead.
  const told = new Date(Math.min(toldAt, now.getTime()));
  return {
    ...past,
    lastStartedAt: isAhead(past.lastStartedAt, now) ? told : past.lastStartedAt,
    lastSucceededAt: isAhead(past.lastSucceededAt, now) ? told : past.lastSucceededAt,
    lastForPersonAt: isAhead(past.lastForPersonAt, now) ? told : past.lastForPersonAt,
  };
}
