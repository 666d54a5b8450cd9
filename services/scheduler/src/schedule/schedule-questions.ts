import { Controller, Inject, UseFilters } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { decodeManifest, SUBJECTS } from '@dtm/events';
import {
  Appender,
  headOf,
  KeepErrorClass,
  lastActivity,
  NATS,
  QUERIES,
  STREAMS,
  TrackingTail,
  type NatsConnection,
  type NextScanAnswer,
  type RepositoryQuestion,
  type ScanNowAnswer,
  type TagQuestion,
} from '@dtm/jetstream';
import { Reference, RepositoryName } from '@dtm/oci';
import { CADENCE } from './cadence.ts';
import { nextRareScan, type Cadence } from './next-scan.ts';
import { Schedule } from './schedule.ts';
import { reasonInWords, spanInWords } from './words.ts';

/** The api gives up later: a tail that lags is to be told as such. */
const CATCH_UP_WITHIN_MS = 2_000;

/** Answers when a tag is due, and why then. */
@Controller()
@UseFilters(KeepErrorClass)
export class ScheduleQuestions {
  readonly #history: Appender;
  readonly #manifests: Appender;

  constructor(
    @Inject(Schedule) private readonly schedule: Schedule,
    @Inject(TrackingTail) private readonly trackingTail: TrackingTail,
    @Inject(CADENCE) private readonly cadence: Cadence,
    @Inject(NATS) nc: NatsConnection,
  ) {
    this.#history = new Appender(nc, STREAMS.history);
    this.#manifests = new Appender(nc, STREAMS.manifests);
  }

  @MessagePattern(QUERIES.nextScan)
  async nextScan(@Payload() question: TagQuestion): Promise<NextScanAnswer> {
    const reference = Reference.of(question.registry, question.repository, question.tag);
    const now = new Date();
    const known = this.schedule.due(reference, now);
    if (known === null) return { at: null, reason: this.#whyNever(reference) };
    const { due, candidate } = known;
    const rareAt =
      due.reason === 'interval' && (await this.#isQuiet(reference, now)) ? nextRareScan(candidate, this.cadence) : null;
    if (rareAt !== null && rareAt > due.at) {
      const quiet = spanInWords(this.cadence.quietAfterMs);
      return {
        at: rareAt.toISOString(),
        reason: `scanned rarely, every ${spanInWords(this.cadence.rareIntervalMs)}, as it has not changed for ${quiet}`,
      };
    }
    const at = due.at < now ? now : due.at;
    return { at: at.toISOString(), reason: reasonInWords(due.reason, this.cadence.intervalMs) };
  }

  @MessagePattern(QUERIES.scanNow)
  async scanNow(@Payload() question: RepositoryQuestion): Promise<ScanNowAnswer> {
    const name = RepositoryName.of(question.registry, question.repository);
    const now = new Date();
    if (!this.schedule.askNow(name, now)) {
      // Asked right after it was tracked: this process may not have heard of it yet.
      await this.trackingTail.catchUp(AbortSignal.timeout(CATCH_UP_WITHIN_MS));
      if (!this.schedule.askNow(name, now)) throw new Error(`no tag of ${name.toString()} is tracked`);
    }
    return { dueAt: now.toISOString() };
  }

  #whyNever(reference: Reference): string {
    switch (this.trackingTail.endedBy(reference)) {
      case 'expiry':
        return 'no longer scanned, as nobody looked at it for long; looking at its page begins it again';
      case 'person':
        return 'no longer scanned, as somebody ended it';
      case null:
        return 'it is not tracked';
    }
  }

  async #isQuiet(reference: Reference, now: Date): Promise<boolean> {
    if (reference.tag === 'latest') return false;
    const last = await this.#history.last(SUBJECTS.history(reference));
    if (last === null) return false;
    const head = headOf(last);
    const builtAt = head.pushedAt === null ? await this.#builtAt(head.digest) : null;
    const activity = lastActivity(head, () => builtAt, now);
    return activity !== null && activity.getTime() < now.getTime() - this.cadence.quietAfterMs;
  }

  /** When the image says that it was built; null where it does not, or nothing is known of it yet. */
  async #builtAt(digest: string): Promise<Date | null> {
    const described = await this.#manifests.last(SUBJECTS.manifest(digest));
    const createdAt = described === null ? null : decodeManifest(described.data).data.createdAt;
    return createdAt === null ? null : new Date(createdAt);
  }
}
