import { randomUUID } from 'node:crypto';
import type { RepositoryScanFailed, RepositoryScanned, ScanRequest } from '@dtm/events';
import {
  RetryLater,
  type AppendResult,
  type HistoryLog,
  type HistoryTail,
  type RepositoryScanState,
  type ScanLog,
  type ScanStateStore,
  type TagScanState,
  type TrackingTail,
} from '@dtm/jetstream';
import { MANIFEST_ACCEPT_VERSION, RepositoryName } from '@dtm/oci';
import { decide, type Answer, type Decision } from './decide.ts';
import type { RegistryReader, TagAnswer } from './registry-reader.ts';
import { chooseTags } from './choose-tags.ts';
import { ScanTally } from './scan-tally.ts';

/** What a scan works with. */
export interface ScanParts {
  history: Pick<HistoryLog, 'recordObserved' | 'recordDisappeared'>;
  historyTail: Pick<HistoryTail, 'head' | 'catchUp' | 'waitFor' | 'sequence'>;
  trackingTail: Pick<TrackingTail, 'repository' | 'catchUp'>;
  scanLog: Pick<ScanLog, 'recordScanned' | 'recordFailed'>;
  scanState: Pick<ScanStateStore, 'read' | 'write'>;
  reader: RegistryReader;
  now: () => Date;
}

/** How a scan went, for logs and metrics; null where nothing of the repository is tracked. */
export type ScanReport =
  { outcome: 'scanned'; event: RepositoryScanned } | { outcome: 'failed'; event: RepositoryScanFailed };

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
  readonly #confirmed = new Map<string, { sequence: number; sentAt: Date }>();
  #state: RepositoryScanState = { tags: new Map(), revision: 0 };
  #listing: Promise<ReadonlySet<string> | null> | null = null;

  constructor(parts: ScanParts, request: ScanRequest, signal: AbortSignal) {
    this.#parts = parts;
    this.#request = request;
    this.#name = RepositoryName.of(request.registry, request.repository);
    this.#signal = signal;
  }

  /** Rejects with `RetryLater` where the registry is halted or the process drains, else only when NATS stays away. */
  async run(): Promise<ScanReport | null> {
    const startedAt = this.#parts.now();
    const scanId = randomUUID();
    let trackingSequence = await this.#parts.trackingTail.catchUp(this.#signal);
    if (this.#parts.trackingTail.repository(this.#name) === null) return null;
    // A fetcher that remembers A while another recorded B would call the return to A "unchanged".
    await this.#parts.historyTail.catchUp(this.#signal);
    this.#state = await this.#parts.scanState.read(this.#name);
    let skipped: string[] = [];
    const seen = new Set<string>();
    for (;;) {
      const tracked = this.#parts.trackingTail.repository(this.#name)?.tags;
      if (tracked === undefined) break;
      const choice = chooseTags(this.#name, [...tracked.keys()], this.#parts.historyTail, this.#state, this.#request);
      skipped = choice.skipped;
      const fresh = choice.scan.filter((tag) => !seen.has(tag));
      if (fresh.length === 0) break;
      for (const tag of fresh) seen.add(tag);
      await this.#observe(fresh);
      // A tag that was asked for while the scan ran must not wait for the next one.
      trackingSequence = await this.#parts.trackingTail.catchUp(this.#signal);
    }
    if (seen.size === 0 && skipped.length === 0) return null;
    const historySequence = await this.#settle();
    const event = this.#event(scanId, startedAt, trackingSequence, [...skipped, ...seen], historySequence);
    if ('error' in event) {
      await this.#parts.scanLog.recordFailed(event);
      return { outcome: 'failed', event };
    }
    await this.#parts.scanLog.recordScanned(event);
    await this.#parts.scanState.write(this.#name, this.#nextState(), this.#state.revision, scanId);
    return { outcome: 'scanned', event };
  }

  async #observe(tags: readonly string[]): Promise<void> {
    let open = [...tags];
    for (let round = 1; open.length > 0 && round <= ROUNDS; round++) {
      const again: string[] = [];
      const writes: Promise<void>[] = [];
      const disappeared: (Decision & { kind: 'disappeared' })[] = [];
      for await (const answer of this.#parts.reader.scan(this.#name, open, this.#signal)) {
        this.#tally.requests += answer.requests;
        if (answer.kind === 'failure') this.#fail(answer);
        else writes.push(this.#apply(answer.tag, answer.answer, disappeared, again));
      }
      await Promise.all(writes);
      for (const decision of disappeared) await this.#confirmDisappearance(decision, again);
      open = again;
    }
  }

  /** A 500 about one tag is an entry of the scan's failures; a halted registry ends the scan where nothing was learned. */
  #fail(answer: TagAnswer & { kind: 'failure' }): void {
    if (answer.code === 'throttled') {
      this.#tally.retryAt = answer.retryAt ?? this.#parts.now();
    } else {
      this.#tally.failures.set(answer.tag, { code: answer.code, reason: answer.reason });
    }
  }

  async #apply(
    tag: string,
    answer: Answer,
    disappeared: (Decision & { kind: 'disappeared' })[],
    again: string[],
  ): Promise<void> {
    const reference = this.#name.tag(tag);
    const head = this.#parts.historyTail.head(reference);
    const state = this.#state.tags.get(tag) ?? null;
    const decision = decide({ reference, head, state }, answer, this.#request.intervalSeconds);
    this.#tally.failures.delete(tag);
    if (answer.outcome === 'present') this.#tally.alive.add(tag);
    switch (decision.kind) {
      case 'unchanged':
        this.#confirmed.set(tag, { sequence: head?.sequence ?? 0, sentAt: answer.sentAt });
        this.#tally.missing.delete(tag);
        break;
      case 'missing':
        this.#tally.missing.set(tag, decision.since);
        if (head !== null) this.#confirmGone(tag, head.gone, head.sequence, answer.sentAt);
        break;
      case 'disappeared':
        this.#tally.missing.set(tag, state?.missingSince ?? answer.receivedAt);
        disappeared.push(decision);
        break;
      case 'observed':
        this.#tally.missing.delete(tag);
        await this.#settleAppend(tag, answer.sentAt, await this.#parts.history.recordObserved(decision.data), again);
    }
  }

  /** An answer 404 confirms the record only where the record says "gone" already. */
  #confirmGone(tag: string, gone: boolean, sequence: number, sentAt: Date): void {
    if (gone) this.#confirmed.set(tag, { sequence, sentAt });
  }

  /** Gone needs a witness: a living sibling, or a complete listing without the tag. */
  async #confirmDisappearance(decision: Decision & { kind: 'disappeared' }, again: string[]): Promise<void> {
    const { tag } = decision.data;
    if (this.#tally.alive.size === 0) {
      const listed = await this.#listedTags();
      if (listed === null || listed.has(tag)) return;
    }
    const result = await this.#parts.history.recordDisappeared(decision.data);
    await this.#settleAppend(tag, new Date(decision.data.observedAt), result, again);
  }

  /** Null where the registry gave no complete list. Asked once a scan at most. */
  async #listedTags(): Promise<ReadonlySet<string> | null> {
    this.#listing ??= this.#parts.reader.listTags(this.#name, this.#signal).then((listing) => {
      this.#tally.requests += listing.requests;
      return listing.kind === 'listed' && listing.complete ? new Set(listing.tags) : null;
    });
    return this.#listing;
  }

  async #settleAppend(tag: string, sentAt: Date, result: AppendResult, again: string[]): Promise<void> {
    if (result.outcome === 'appended') {
      this.#tally.changes++;
      this.#confirmed.set(tag, { sequence: result.sequence, sentAt });
      return;
    }
    // Another fetcher was faster: its event is awaited and the registry asked anew; this answer may be the older one.
    if (result.last !== null) await this.#parts.historyTail.waitFor(result.last.sequence, this.#signal);
    this.#confirmed.delete(tag);
    again.push(tag);
  }

  /** Looks again at tags whose record another fetcher changed after they were compared with it. */
  async #settle(): Promise<number> {
    for (let round = 1; ; round++) {
      const historySequence = await this.#parts.historyTail.catchUp(this.#signal);
      const stale: string[] = [];
      for (const [tag, { sequence }] of this.#confirmed) {
        if ((this.#parts.historyTail.head(this.#name.tag(tag))?.sequence ?? 0) !== sequence) stale.push(tag);
      }
      for (const tag of stale) this.#confirmed.delete(tag);
      if (stale.length === 0 || round > ROUNDS) return historySequence;
      await this.#observe(stale);
    }
  }

  #event(
    scanId: string,
    startedAt: Date,
    trackingSequence: number,
    known: readonly string[],
    historySequence: number,
  ): RepositoryScanned | RepositoryScanFailed {
    const { registry, repository, reason, intervalSeconds } = this.#request;
    const { failures, retryAt, missing } = this.#tally;
    const learned = this.#confirmed.size + missing.size;
    const scan = {
      registry,
      repository,
      scanId,
      reason,
      startedAt: startedAt.toISOString(),
      finishedAt: this.#parts.now().toISOString(),
      requests: this.#tally.requests,
      trackingSequence,
      intervalSeconds,
    };
    if (learned === 0) {
      if (this.#signal.aborted) throw new RetryLater('the fetcher drains', 0);
      const wait = retryAt === null ? null : retryAt.getTime() - this.#parts.now().getTime();
      if (wait !== null) throw new RetryLater(`${registry} is halted until ${retryAt?.toISOString() ?? ''}`, wait);
      const first = [...failures.values()][0];
      if (first !== undefined) return { ...scan, code: first.code, error: first.reason };
    }
    const covered = [...new Set([...this.#confirmed.keys(), ...missing.keys()])];
    const uncovered = known.filter((tag) => !this.#confirmed.has(tag) && !missing.has(tag));
    // Cut short by a drain: what was appended stays; the next delivery looks at all of them.
    if (this.#signal.aborted && uncovered.some((tag) => !failures.has(tag)))
      throw new RetryLater('the fetcher drains', 0);
    const only = covered.length < uncovered.length;
    return {
      ...scan,
      adapter: this.#parts.reader.adapterName(this.#name),
      acceptVersion: MANIFEST_ACCEPT_VERSION,
      historySequence,
      observations: this.#tally.alive.size,
      changes: this.#tally.changes,
      coverage: only ? { mode: 'only', tags: covered } : { mode: 'all-but', tags: uncovered },
      failures: [...failures].map(([tag, { code, reason: words }]) => ({ tag, code, reason: words })),
      missing: [...missing.keys()],
    };
  }

  #nextState(): Map<string, TagScanState> {
    const tracked = this.#parts.trackingTail.repository(this.#name)?.tags ?? new Map<string, unknown>();
    const next = new Map<string, TagScanState>();
    for (const tag of tracked.keys()) {
      const before = this.#state.tags.get(tag);
      const confirmed = this.#confirmed.get(tag);
      const since = this.#tally.missing.get(tag) ?? null;
      if (confirmed !== undefined) {
        next.set(tag, { sequence: confirmed.sequence, lastSeenAt: confirmed.sentAt, missingSince: since });
      } else if (since !== null) {
        // Not confirmed: what was last confirmed stays as it was; the record's own time where nothing is known.
        const head = this.#parts.historyTail.head(this.#name.tag(tag));
        const known = before ?? { sequence: head?.sequence ?? 0, lastSeenAt: head?.observedAt ?? since };
        next.set(tag, { sequence: known.sequence, lastSeenAt: known.lastSeenAt, missingSince: since });
      } else if (before !== undefined) {
        next.set(tag, before);
      }
    }
    return next;
  }
}
