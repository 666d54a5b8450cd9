import { repositoryKey, type ScanRequest } from '@dtm/events';
import type { ScanQueue, TrackedRepository, TrackingTail } from '@dtm/jetstream';
import { nextScan, phaseOf, skipQuietSince, type Cadence, type Candidate, type Due } from './next-scan.ts';
import type { ScanPastTail } from './scan-past-tail.ts';

/** A request that the queue took or refused is not repeated sooner; the queue recognises it anyway. */
const REPEAT_AFTER_MS = 5_000;
const MAX_REQUESTS_PER_ROUND = 1_000;

export interface ScheduleParts {
  trackingTail: Pick<TrackingTail, 'repositories' | 'repository'>;
  pastTail: Pick<ScanPastTail, 'past'>;
  queue: Pick<ScanQueue, 'request'>;
  cadence: Cadence;
}

/** Knows when each repository is due and asks for its scan then. Holds nothing that a restart would lose. */
export class Schedule {
  readonly #parts: ScheduleParts;
  readonly #asked = new Map<string, Date>();
  readonly #requested = new Map<string, { slot: string; at: number }>();
  readonly #phases = new Map<string, number>();

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
  }

  /** Notes that a person wants a repository scanned now; false where none of its tags is tracked. */
  askNow(name: { registry: string; repository: string }, at: Date): boolean {
    if (this.#parts.trackingTail.repository(name) === null) return false;
    this.#asked.set(repositoryKey(name), at);
    return true;
  }

  /** When a repository is due next; null where none of its tags is tracked. */
  due(name: { registry: string; repository: string }, now: Date): { due: Due; candidate: Candidate } | null {
    const repository = this.#parts.trackingTail.repository(name);
    if (repository === null) return null;
    const candidate = this.#candidate(repository);
    return { due: nextScan(candidate, this.#parts.cadence, now), candidate };
  }

  /** Asks for every scan that is due; returns how many requests the queue took. */
  async requestDue(now: Date): Promise<number> {
    const due: { repository: TrackedRepository; candidate: Candidate; due: Due }[] = [];
    for (const repository of this.#parts.trackingTail.repositories()) {
      const candidate = this.#candidate(repository);
      const next = nextScan(candidate, this.#parts.cadence, now);
      if (next.at <= now && !this.#justRequested(repositoryKey(repository), next, now)) {
        due.push({ repository, candidate, due: next });
      }
    }
    due.sort((a, b) => a.due.at.getTime() - b.due.at.getTime());
    const outcomes = await Promise.all(
      due
        .slice(0, MAX_REQUESTS_PER_ROUND)
        .map(async (one) => this.#request(one.repository, one.candidate, one.due, now)),
    );
    return outcomes.filter(Boolean).length;
  }

  async #request(repository: TrackedRepository, candidate: Candidate, due: Due, now: Date): Promise<boolean> {
    const quietSince = skipQuietSince(candidate, this.#parts.cadence, now, due.reason);
    const request: ScanRequest = {
      registry: repository.registry,
      repository: repository.repository,
      requestedAt: now.toISOString(),
      reason: due.reason,
      intervalSeconds: this.#parts.cadence.intervalMs / 1000,
      ...(quietSince === null ? {} : { skipQuietSince: quietSince.toISOString() }),
    };
    const outcome = await this.#parts.queue.request(request, due.slot);
    this.#requested.set(repositoryKey(repository), { slot: due.slot, at: now.getTime() });
    return outcome === 'requested';
  }

  #justRequested(key: string, due: Due, now: Date): boolean {
    const last = this.#requested.get(key);
    return last !== undefined && last.slot === due.slot && now.getTime() - last.at < REPEAT_AFTER_MS;
  }

  #candidate(repository: TrackedRepository): Candidate {
    const key = repositoryKey(repository);
    let phase = this.#phases.get(key);
    if (phase === undefined) {
      phase = phaseOf(key);
      this.#phases.set(key, phase);
    }
    let newestTag = 0;
    for (const tag of repository.tags.values()) newestTag = Math.max(newestTag, tag.sequence);
    return { phase, newestTag, past: this.#parts.pastTail.past(repository), askedAt: this.#asked.get(key) ?? null };
  }
}
