import { repositoryKey, type ScanRequest } from '@dtm/events';
import { scanRequestId, type ScanQueue, type TrackedRepository, type TrackingTail } from '@dtm/jetstream';
import { traceContext, traced, type Span, type TraceContext } from '@dtm/tracing';
import { nextScan, phaseOf, skipQuiet, type Cadence, type Candidate, type Due, type ScanPast } from './next-scan.ts';
import type { ScanPastTail } from './scan-past-tail.ts';

/** A request for an occasion that is still due is repeated after so long, then ever later: a scan that is pending ends some time. */
const REPEAT_AFTER_MS = 1_000;
const REPEAT_AFTER_MAX_MS = 30_000;
const MAX_REQUESTS_PER_ROUND = 1_000;

export interface ScheduleParts {
  trackingTail: Pick<TrackingTail, 'repositories' | 'repository'>;
  pastTail: Pick<ScanPastTail, 'past'>;
  queue: Pick<ScanQueue, 'request'>;
  cadence: Cadence;
  /** Told of each request that the queue took, by its id. */
  onRequested?: (id: string, reason: ScanRequest['reason']) => void;
}

/** What the schedule remembers of a repository between two looks, of which there are several a second. */
interface Entry {
  phase: number;
  askedAt: Date | null;
  /** Where in its trace a person asked last. */
  askedIn: TraceContext | null;
  /** Epoch ms at which it is due, as long as `past`, `newestTag` and `askedAt` are as they were. */
  dueAt: number;
  past: ScanPast;
  newestTag: number;
  /** The last request that was made for it. */
  requested: { slot: string; past: ScanPast; times: number; notBefore: number } | null;
}

/**
 * Knows when each repository is due and asks for its scan then. A restart loses nothing but what people asked for within
 * the last moment: the rest follows from TRACKING, SCAN_LOG and the clock.
 */
export class Schedule {
  readonly #parts: ScheduleParts;
  readonly #entries = new WeakMap<TrackedRepository, Entry>();

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
  }

  /** Notes that a person wants a repository scanned now; false where none of its tags is tracked. */
  askNow(name: { registry: string; repository: string }, at: Date): boolean {
    const repository = this.#parts.trackingTail.repository(name);
    if (repository === null) return false;
    const entry = this.#entry(repository, at);
    entry.askedAt = at;
    entry.askedIn = traceContext();
    this.#plan(entry, at);
    return true;
  }

  /** When a tag's repository is due next; null where the tag is not tracked. */
  due(
    tag: { registry: string; repository: string; tag: string },
    now: Date,
  ): { due: Due; candidate: Candidate } | null {
    const repository = this.#parts.trackingTail.repository(tag);
    if (repository?.tags.has(tag.tag) !== true) return null;
    const candidate = this.#entry(repository, now);
    return { due: nextScan(candidate, this.#parts.cadence, now), candidate };
  }

  /** Asks for every scan that is due; returns how many requests the queue took. */
  async requestDue(now: Date): Promise<number> {
    const round: { repository: TrackedRepository; entry: Entry; due: Due }[] = [];
    for (const repository of this.#parts.trackingTail.repositories()) {
      const entry = this.#entry(repository, now);
      if (entry.dueAt > now.getTime()) continue;
      const due = nextScan(entry, this.#parts.cadence, now);
      if (!isJustRequested(entry, due, now)) round.push({ repository, entry, due });
    }
    round.sort((a, b) => urgency(a.due) - urgency(b.due));
    const outcomes = await Promise.all(
      round.slice(0, MAX_REQUESTS_PER_ROUND).map((one) => this.#request(one.repository, one.entry, one.due, now)),
    );
    return outcomes.filter(Boolean).length;
  }

  /** A trace begins with what somebody did, or here, where a scan is due by itself. */
  #request(repository: TrackedRepository, entry: Entry, due: Due, now: Date): Promise<boolean> {
    const attributes = { 'dtm.repository': repositoryKey(repository), 'dtm.reason': due.reason };
    return traced('request scan', { kind: 'producer', parent: causeOf(repository, entry, due), attributes }, (span) =>
      this.#requestWithin(span, repository, entry, due, now),
    );
  }

  async #requestWithin(span: Span, repository: TrackedRepository, entry: Entry, due: Due, now: Date): Promise<boolean> {
    const { cadence, queue, onRequested } = this.#parts;
    const quiet = skipQuiet(entry, cadence, now, due.reason);
    const request: ScanRequest = {
      registry: repository.registry,
      repository: repository.repository,
      requestedAt: now.toISOString(),
      reason: due.reason,
      intervalSeconds: cadence.intervalMs / 1000,
      ...(quiet === null
        ? {}
        : { skipQuietSince: quiet.since.toISOString(), skipQuietUntil: quiet.until.toISOString() }),
    };
    const { past } = entry;
    const outcome = await queue.request(request, due.slot);
    // It is asked again and again for what is pending.
    if (outcome === 'pending') span.discard();
    else onRequested?.(scanRequestId(request, due.slot), due.reason);
    const times = isSameOccasion(entry, due) ? (entry.requested?.times ?? 0) + 1 : 1;
    const pause = Math.min(REPEAT_AFTER_MS * 2 ** (times - 1), REPEAT_AFTER_MAX_MS);
    entry.requested = { slot: due.slot, past, times, notBefore: now.getTime() + pause };
    return outcome === 'requested';
  }

  /** The entry, brought up to date. */
  #entry(repository: TrackedRepository, now: Date): Entry {
    const { newestSequence } = repository;
    const past = this.#parts.pastTail.past(repository, now);
    const known = this.#entries.get(repository);
    if (known?.past === past && known.newestTag === newestSequence) return known;
    const entry = known ?? newEntry(repository, past);
    entry.past = past;
    entry.newestTag = newestSequence;
    this.#plan(entry, new Date(0));
    this.#entries.set(repository, entry);
    return entry;
  }

  #plan(entry: Entry, now: Date): void {
    entry.dueAt = nextScan(entry, this.#parts.cadence, now).at.getTime();
  }
}

function newEntry(repository: TrackedRepository, past: ScanPast): Entry {
  return {
    phase: phaseOf(repositoryKey(repository)),
    askedAt: null,
    askedIn: null,
    dueAt: 0,
    past,
    newestTag: 0,
    requested: null,
  };
}

/** A scan that ended since, and left the same occasion due, makes it another one. */
function isSameOccasion({ requested, past }: Entry, due: Due): boolean {
  return requested !== null && requested.slot === due.slot && requested.past === past;
}

function isJustRequested(entry: Entry, due: Due, now: Date): boolean {
  return isSameOccasion(entry, due) && now.getTime() < (entry.requested?.notBefore ?? 0);
}

/** The trace of what made a repository due; null where that was the clock. */
function causeOf({ newestTrace }: TrackedRepository, { askedIn }: Entry, { reason }: Due): TraceContext | null {
  if (reason === 'person') return askedIn;
  return reason === 'new-tag' ? (newestTrace ?? null) : null;
}

/** Whoever waits for it comes first, then what has been due for longest. */
function urgency({ at, reason }: Due): number {
  return reason === 'person' ? 0 : at.getTime();
}
