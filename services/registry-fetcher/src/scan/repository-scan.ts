import { randomUUID } from 'node:crypto';
import type { RepositoryScanFailed, RepositoryScanned, ScanRequest } from '@dtm/events';
import {
  RetryLater,
  type AppendResult,
  type HistoryHead,
  type HistoryLog,
  type HistoryTail,
  type ManifestTail,
  type RepositoryScanState,
  type ScanLog,
  type ScanStateStore,
  type TrackingTail,
} from '@dtm/jetstream';
import { MANIFEST_ACCEPT_VERSION, RepositoryName } from '@dtm/oci';
import { chooseTags } from './choose-tags.ts';
import { decide, type Answer, type Decision } from './decide.ts';
import { LastState, type LeftBehind } from './last-state.ts';
import { ListedTags } from './listed-tags.ts';
import type { Listings } from './listing-memory.ts';
import { nextStates } from './next-state.ts';
import type { RegistryReader, ScanKnowledge } from './registry-reader.ts';
import { failedEvent, scanFields, scannedEvent } from './scan-event.ts';
import { ScanTally } from './scan-tally.ts';

/** What a scan works with. */
export interface ScanParts {
  history: Pick<HistoryLog, 'recordObserved' | 'recordDisappeared'>;
  historyTail: Pick<HistoryTail, 'head' | 'headSequence' | 'catchUp' | 'waitFor'>;
  trackingTail: Pick<TrackingTail, 'repository' | 'catchUp' | 'sequence'>;
  manifestTail: Pick<ManifestTail, 'builtAt'>;
  scanLog: Pick<ScanLog, 'recordScanned' | 'recordFailed'>;
  scanState: Pick<ScanStateStore, 'remembered' | 'read' | 'write'>;
  listings: Listings;
  reader: RegistryReader;
  now: () => Date;
}

/** How a scan went, for logs and metrics. */
export type ScanReport =
  { outcome: 'scanned'; event: RepositoryScanned } | { outcome: 'failed'; event: RepositoryScanFailed };

type Disappearance = Decision & { kind: 'disappeared' };

/** Deletions and rollbacks do not show in every list of what is new: all tags are looked at once in it. */
const FULL_EVERY_MS = 24 * 3_600_000;

const NOTHING_THERE = {
  kind: 'failed',
  code: 'not-found',
  reason: 'the registry has none of its tags and does not list the repository: it was deleted or made private',
} as const;

/** Looks again at what others changed meanwhile so many times at most; the next scan sees the rest. */
const ROUNDS = 5;

/**
 * One job: one repository. Changes are appended first, then the log of the scan, SCAN_STATE last of all; the caller then
 * acknowledges. Killed between any two of them, the next run finds the changes in the stream and appends none twice.
 */
export class RepositoryScan {
  readonly #parts: ScanParts;
  readonly #request: ScanRequest;
  readonly #name: RepositoryName;
  readonly #signal: AbortSignal;
  readonly #tally = new ScanTally();
  readonly #last: LastState;
  readonly #listed = new ListedTags(async () => {
    const listing = await this.#parts.reader.listTags(this.#name, this.#signal);
    this.#tally.requests += listing.requests;
    return listing;
  });
  /** Left by the first round of questions, which was about all tags; null where it left nothing. */
  #cursor: string | null = null;
  #isFull = false;
  /** A tag is not there for long enough, and neither a sibling nor a list shows that the registry is otherwise well. */
  #isUnproven = false;
  #rounds = 0;

  constructor(parts: ScanParts, request: ScanRequest, signal: AbortSignal) {
    this.#parts = parts;
    this.#request = request;
    this.#name = RepositoryName.of(request.registry, request.repository);
    this.#signal = signal;
    this.#last = new LastState(parts.scanState, this.#name);
  }

  /**
   * Null where nothing of the repository is tracked. Rejects with `RetryLater` where the registry is halted, with the
   * signal's reason where the process drains, and with what NATS reports where that stays away.
   */
  async run(): Promise<ScanReport | null> {
    const { trackingTail, scanLog } = this.#parts;
    const startedAt = this.#startedAt();
    const scanId = randomUUID();
    // Only what is new can be unknown here. Whatever else this process has not heard of yet, the scheduler sees that the scan
    // did not know it, and asks again at once.
    const isKnown = trackingTail.repository(this.#name) !== null;
    if (this.#request.reason === 'new-tag' || !isKnown) await trackingTail.catchUp(this.#signal);
    if (trackingTail.repository(this.#name) === null) return null;
    await this.#last.load();
    // What this process remembers of a tag may be of the time before it was untracked.
    if (this.#request.reason === 'new-tag') await this.#last.makeSure();
    // Untracked while it was read: there is no scan to tell of.
    if (trackingTail.repository(this.#name) === null) return null;
    const { state } = this.#last;
    // Far ahead is no less due than long ago: a clock was.
    const fullDue = Math.abs(startedAt.getTime() - (state.fullAt?.getTime() ?? 0)) >= FULL_EVERY_MS;
    this.#isFull = fullDue || this.#request.reason === 'person';
    const known = new Set<string>();
    const asked = new Set<string>();
    let trackingSequence: number;
    for (;;) {
      trackingSequence = trackingTail.sequence;
      const tracked = trackingTail.repository(this.#name)?.tags.keys() ?? [];
      const knowledge = { head: this.#head, state: this.#last.state.tags, builtAt: this.#builtAt };
      const choice = chooseTags(tracked, knowledge, this.#request, startedAt);
      const fresh = choice.scan.filter((tag) => !asked.has(tag));
      for (const tag of choice.skipped) known.add(tag);
      if (fresh.length === 0) break;
      for (const tag of fresh) {
        known.add(tag);
        asked.add(tag);
      }
      // Then once more: a tag that was asked for meanwhile must not wait for the next scan.
      await this.#observe(fresh);
    }
    const historySequence = await this.#settle();
    // Cut short by a drain: what was appended stays, the next delivery looks at all of them.
    if ([...asked].some((tag) => !this.#tally.outcomes.has(tag))) this.#signal.throwIfAborted();
    const { failure, hasAnswers } = this.#tally;
    if (!hasAnswers) this.#putOffWhereHalted();
    const fields = () => {
      const { requests } = this.#tally;
      return scanFields(this.#request, { scanId, startedAt, trackingSequence, requests }, this.#parts.now());
    };
    if (!hasAnswers && failure !== null) {
      const event = failedEvent(fields(), failure);
      await scanLog.recordFailed(event);
      return { outcome: 'failed', event };
    }
    if (this.#isUnproven && !this.#tally.hasAgreements) {
      // Nothing says that the tags alone are gone, and nobody has seen them either: the scan covered none of them.
      const event = failedEvent(fields(), NOTHING_THERE);
      await scanLog.recordFailed(event);
      await this.#last.replace((before) => this.#leave(before, startedAt), scanId);
      return { outcome: 'failed', event };
    }
    const adapter = this.#parts.reader.adapterName(this.#name);
    const how = { adapter, acceptVersion: MANIFEST_ACCEPT_VERSION, historySequence };
    const { appeared, remember } = await this.#parts.listings.compare(
      this.#name,
      this.#listed.seen,
      () => this.#listed.ask(),
      1000 * this.#request.intervalSeconds,
    );
    const event = scannedEvent({ ...fields(), ...how }, this.#tally, known, appeared);
    await scanLog.recordScanned(event);
    await remember();
    await this.#last.replace((before) => this.#leave(before, startedAt), scanId);
    return { outcome: 'scanned', event };
  }

  async #observe(tags: readonly string[]): Promise<void> {
    let open = tags;
    for (let round = 1; open.length > 0 && round <= ROUNDS; round++) open = await this.#ask(open);
  }

  /** Asks for each tag once; returns those of which another fetcher has recorded something in the meantime. */
  async #ask(tags: readonly string[]): Promise<string[]> {
    // Taken before the requests are sent: an answer may be older than what another fetcher records while it is on its way.
    const heads = new Map(tags.map((tag) => [tag, this.#head(tag)]));
    const again: string[] = [];
    const disappearances: { decision: Disappearance; sentAt: Date }[] = [];
    const appends: Promise<void>[] = [];
    try {
      const knowledge = this.#knowledge(heads);
      for await (const answer of this.#parts.reader.scan(this.#name, tags, this.#signal, knowledge)) {
        this.#tally.requests += answer.requests;
        if (answer.kind === 'end') {
          if (this.#rounds === 1) this.#cursor = answer.cursor;
          if (answer.listing !== null) this.#listed.note(answer.listing);
          continue;
        }
        if (answer.kind === 'agreed') {
          this.#agree(answer.tag, heads.get(answer.tag) ?? null, answer.provenAt);
          continue;
        }
        if (answer.kind === 'failure') {
          this.#tally.noteFailure(answer, this.#parts.now());
          continue;
        }
        const head = heads.get(answer.tag) ?? null;
        let decision = this.#decide(answer.tag, head, answer.answer);
        // How long a tag was gone, and when it was seen last, are of what all fetchers know.
        if (decision.kind !== 'unchanged' && (await this.#last.makeSure())) {
          decision = this.#decide(answer.tag, head, answer.answer);
        }
        this.#tally.noteDecision(answer.tag, decision, answer.answer, head?.sequence ?? 0);
        const { sentAt } = answer.answer;
        if (decision.kind === 'disappeared') disappearances.push({ decision, sentAt });
        if (decision.kind !== 'observed') continue;
        const append = this.#append(answer.tag, { sentAt, gone: false }, again, () =>
          this.#parts.history.recordObserved(decision.data),
        );
        // It is awaited below; without a handler until then, its failure would end the process.
        append.catch(() => undefined);
        appends.push(append);
      }
      await Promise.all(appends);
    } finally {
      await Promise.allSettled(appends);
    }
    for (const { decision, sentAt } of disappearances) await this.#recordDisappearance(decision, sentAt, again);
    return again;
  }

  /** Only the first round asks for all tags, and so may go by what the last scan left; the others look closely. */
  #knowledge(heads: ReadonlyMap<string, HistoryHead | null>): ScanKnowledge {
    this.#rounds++;
    const first = this.#rounds === 1;
    return {
      known: (tag) => {
        const head = heads.get(tag) ?? null;
        if (head === null || head.gone) return null;
        // What the registry did not have when it was asked last, a list that lags may still name: it is asked again itself.
        const state = this.#last.state.tags.get(tag);
        return state?.sequence === head.sequence && state.missingSince !== null ? null : head.digest;
      },
      cursor: first && !this.#isFull ? (this.#last.state.cursor ?? null) : null,
      full: first ? this.#isFull : true,
    };
  }

  /** A list that agrees with the record is no observation: the bound stays where it was, unless the registry proves more. */
  #agree(tag: string, head: HistoryHead | null, provenAt: Date | null): void {
    if (head === null || head.gone)
      throw new Error(`${this.#name.toString()}:${tag}: agreed with a record that holds no digest`);
    const state = this.#last.state.tags.get(tag);
    const seen = state?.sequence === head.sequence ? state.lastSeenAt : head.observedAt;
    const sentAt = provenAt !== null && provenAt > seen ? provenAt : seen;
    this.#tally.outcomes.set(tag, { kind: 'agreed', sequence: head.sequence, sentAt, gone: false, listed: true });
  }

  /** What the next scan is to know, given what was known before. */
  #leave(before: RepositoryScanState, startedAt: Date): LeftBehind {
    const tracked = this.#parts.trackingTail.repository(this.#name)?.tags.keys() ?? [];
    const tags = nextStates(tracked, this.#tally.outcomes, before.tags, this.#head);
    return { tags, cursor: this.#cursor, fullAt: this.#isFull ? startedAt : null };
  }

  #decide(tag: string, head: HistoryHead | null, answer: Answer): Decision {
    const reference = { registry: this.#name.registry, repository: this.#name.repository, tag };
    const state = this.#last.state.tags.get(tag) ?? null;
    return decide({ reference, head, state }, answer, this.#request.intervalSeconds);
  }

  /** Gone needs a witness: a sibling that the registry itself showed to be there, or a complete listing without the tag. */
  async #recordDisappearance({ data }: Disappearance, sentAt: Date, again: string[]): Promise<void> {
    if (this.#tally.living.size === 0) {
      const listed = await this.#listed.askComplete();
      this.#isUnproven ||= listed === null;
      if (listed === null || listed.has(data.tag)) return;
    }
    await this.#append(data.tag, { sentAt, gone: true }, again, () => this.#parts.history.recordDisappeared(data));
  }

  async #append(
    tag: string,
    shown: { sentAt: Date; gone: boolean },
    again: string[],
    record: () => Promise<AppendResult>,
  ): Promise<void> {
    const result = await record();
    if (result.outcome === 'appended') {
      this.#tally.changes++;
      this.#tally.outcomes.set(tag, { kind: 'agreed', sequence: result.sequence, ...shown });
      return;
    }
    // Another fetcher was faster: its event is awaited and the registry asked anew, since this answer may be the older one.
    this.#tally.outcomes.delete(tag);
    if (result.last !== null) await this.#parts.historyTail.waitFor(result.last.sequence, this.#signal);
    again.push(tag);
  }

  /**
   * Looks again at tags whose record is not the one that they were compared with: a fetcher that remembers A while another
   * recorded B would call the return to A "unchanged".
   */
  async #settle(): Promise<number> {
    const { outcomes } = this.#tally;
    for (let round = 1; ; round++) {
      const historySequence = await this.#parts.historyTail.catchUp(this.#signal);
      const stale: string[] = [];
      for (const [tag, outcome] of outcomes) {
        if (outcome.kind !== 'failed' && this.#parts.historyTail.headSequence(this.#name.tag(tag)) !== outcome.sequence)
          stale.push(tag);
      }
      for (const tag of stale) outcomes.delete(tag);
      if (stale.length === 0 || round > ROUNDS) return historySequence;
      await this.#observe(stale);
    }
  }

  #putOffWhereHalted(): void {
    const { retryAt } = this.#tally;
    if (retryAt === null) return;
    const wait = retryAt.getTime() - this.#parts.now().getTime();
    throw new RetryLater(`${this.#name.registry} is halted until ${retryAt.toISOString()}`, wait);
  }

  /** Not before the request: where this machine's clock lags, the scheduler would take the scan for that of the slot before. */
  #startedAt(): Date {
    return new Date(Math.max(this.#parts.now().getTime(), Date.parse(this.#request.requestedAt)));
  }

  readonly #head = (tag: string): HistoryHead | null =>
    this.#parts.historyTail.head({ registry: this.#name.registry, repository: this.#name.repository, tag });

  readonly #builtAt = (digest: string): Date | null => this.#parts.manifestTail.builtAt(digest);
}
