import { PLATFORMS_MAX, type DigestObserved, type ManifestDescribed } from '@dtm/events';
import {
  RetryLater,
  type FactsJob,
  type FactsPace,
  type HistoryTail,
  type ManifestLog,
  type ManifestTail,
} from '@dtm/jetstream';
import { Reference, type Digest } from '@dtm/oci';
import { isRegistryFailure, type AdapterChooser, type RegistryFailure, type SourcedFacts } from '@dtm/registry-client';

/** What facts are read with. */
export interface FactsParts {
  historyTail: Pick<HistoryTail, 'head'>;
  manifestTail: Pick<ManifestTail, 'isDescribed' | 'waitFor'>;
  manifests: Pick<ManifestLog, 'record'>;
  registries: Pick<AdapterChooser, 'facts'>;
  pace: Pick<FactsPace, 'spend'>;
  now: () => Date;
}

/** What became of a digest. `requests`: HTTP requests that were sent for it. */
export type FactsReport =
  /** Described by this job, or by another fetcher meanwhile. */
  | { outcome: 'described'; requests: number }
  /** Nothing was asked: it is described already, or no tag has pointed to it for long. */
  | { outcome: 'known' | 'past'; requests: 0 }
  /** It is not to be had; nothing is stored. */
  | { outcome: 'given-up'; requests: number; failure: RegistryFailure };

/** Facts of what no tag points to any more are still read for so long: they are often there, and tell what was. */
const PAST_MS = 24 * 3600 * 1000;
/** Deliveries after which a digest is given up; with the waits between them, most of a day. */
const DELIVERIES_MAX = 12;
const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 6 * 3600 * 1000;
/** An API may lag behind the registry whose answer was recorded: it is asked once more, after so long. */
const LAG_MS = 10 * 60_000;
/** Where a registry limits requests and names no time. */
const UNNAMED_WAIT_MS = 60_000;
/** Why a later question may be answered; whatever else went wrong will go wrong again. */
const PASSING: ReadonlySet<string> = new Set(['unreachable', 'timeout', 'server-error', 'unauthorized']);

/**
 * One job: what one digest is, read once for all tags and repositories, and recorded. Killed at any point, the next
 * delivery finds it recorded or reads it again; the stream takes the first description and refuses every other.
 */
export class DigestFacts {
  readonly #parts: FactsParts;

  constructor(parts: FactsParts) {
    this.#parts = parts;
  }

  /** Rejects with `RetryLater` where it is to be tried again, and with what NATS reports where that stays away. */
  async describe(job: FactsJob): Promise<FactsReport> {
    const { historyTail, manifestTail, manifests, now } = this.#parts;
    const { observed, sequence, signal } = job;
    if (manifestTail.isDescribed(observed.digest)) return { outcome: 'known', requests: 0 };
    const head = historyTail.head(observed);
    const isHead = head === null || head.sequence <= sequence;
    if (!isHead && now().getTime() - Date.parse(observed.observedAt) > PAST_MS) return { outcome: 'past', requests: 0 };
    let facts: SourcedFacts;
    try {
      facts = await this.#read(observed, signal);
    } catch (error) {
      if (signal.aborted) throw new RetryLater('the fetcher drains', 0, { cause: error });
      if (!isRegistryFailure(error)) throw error;
      await this.#spend(job, error.requests);
      return this.#giveUp(job, error);
    }
    await this.#spend(job, facts.requests);
    const recorded = await manifests.record(eventOf(observed, facts, now()));
    // Several tags often get the same digest together: the next of them is to find it described.
    await manifestTail.waitFor(recorded.sequence, signal);
    return { outcome: 'described', requests: facts.requests };
  }

  #read({ registry, repository, tag, digest }: DigestObserved, signal: AbortSignal): Promise<SourcedFacts> {
    return this.#parts.registries.facts(Reference.of(registry, repository, tag), digest as Digest, { signal });
  }

  async #spend({ observed, rest }: FactsJob, requests: number): Promise<void> {
    if (requests > 0) rest(await this.#parts.pace.spend(observed.registry, requests));
  }

  /** Throws `RetryLater` where there is hope. */
  #giveUp({ delivery, rest }: FactsJob, failure: RegistryFailure): FactsReport {
    const { code, retryAt, message, requests } = failure;
    const again = (ms: number): RetryLater => new RetryLater(message, ms, { cause: failure });
    if (code === 'throttled' || retryAt !== undefined) {
      const until = retryAt ?? new Date(this.#parts.now().getTime() + UNNAMED_WAIT_MS);
      rest(until);
      throw again(until.getTime() - this.#parts.now().getTime());
    }
    if (code === 'not-found' && delivery === 1) throw again(LAG_MS);
    if (PASSING.has(code) && delivery < DELIVERIES_MAX) {
      throw again(Math.min(FIRST_WAIT_MS * 2 ** (delivery - 1), LONGEST_WAIT_MS));
    }
    return { outcome: 'given-up', requests, failure };
  }
}

function eventOf(observed: DigestObserved, facts: SourcedFacts, now: Date): ManifestDescribed {
  const { registry, repository, digest } = observed;
  return {
    registry,
    repository,
    digest,
    mediaType: facts.mediaType === '' ? observed.mediaType : facts.mediaType,
    size: facts.size,
    platforms: facts.platforms.slice(0, PLATFORMS_MAX),
    createdAt: facts.createdAt?.toISOString() ?? null,
    describedAt: now.toISOString(),
    source: facts.source,
  };
}
