import { EVENT_TYPES, type RepositoryScanFailed, type RepositoryScanned, type ScanLogEvent } from '@dtm/events';
import { CLOCK_TOLERANCE_MS } from '@dtm/jetstream';
import { GAP_INTERVALS, type RepositoryRecord, type TagRecord } from '@dtm/read-model';
import { later } from './instants.ts';
import type { Read } from './messages.ts';
import { isUnreachable } from './unreachable.ts';
import type { WorkingSet } from './working-set.ts';

/** Projects one message of SCAN_LOG; one that cannot be read changes nothing. */
export function projectScan(set: WorkingSet, { event, message }: Read<ScanLogEvent>): void {
  if (event === null) return;
  const repository = set.repository(event.data);
  // A job that is done again after a crash may tell of the same scan once more.
  if (repository.lastScanId === event.data.scanId) return;
  set.changedRepositories.add(repository);
  setBack(repository, new Date(event.data.startedAt), message.storedAt);
  const wasUnreachable = isUnreachable(repository);
  if (event.type === EVENT_TYPES.RepositoryScanned) projectSuccess(set, repository, event.data);
  else projectFailure(set, repository, event.data);
  repository.lastScanId = event.data.scanId;
  if (isUnreachable(repository) !== wasUnreachable) set.turnedRepositories.add(repository);
}

/**
 * What is told of now cannot be older than what was told of before: where that lies far ahead, the server's clock did too
 * at the time, and all that follows would be late.
 */
function setBack(repository: RepositoryRecord, startedAt: Date, storedAt: Date): void {
  const isAhead = (at: Date | null): boolean => at !== null && at.getTime() > storedAt.getTime() + CLOCK_TOLERANCE_MS;
  if (isAhead(repository.lastScannedAt)) repository.lastScannedAt = startedAt;
  if (isAhead(repository.lastFailedAt)) repository.lastFailedAt = startedAt;
}

function projectSuccess(set: WorkingSet, repository: RepositoryRecord, scan: RepositoryScanned): void {
  const startedAt = new Date(scan.startedAt);
  const finishedAt = new Date(scan.finishedAt);
  const { registry, requests, observations } = scan;
  const seconds = (finishedAt.getTime() - startedAt.getTime()) / 1000;
  set.countScan({ registry, at: finishedAt, succeeded: true, seconds, requests, observations });
  const before = repository.lastScannedAt;
  const late = before !== null && finishedAt <= before;
  const gapFrom = late ? null : gapBefore(repository, scan);
  const view = { scan, startedAt, finishedAt, late, before, gapFrom, ...namedIn(scan) };
  for (const tag of set.tagsOf(repository)) projectTag(set, tag, view);
  if (late) return;
  if (gapFrom !== null) set.scanGaps.push({ repositoryId: repository.id, gapFrom, gapTo: startedAt });
  repository.lastScannedAt = finishedAt;
  repository.lastScanStartedAt = startedAt;
  repository.intervalSeconds = scan.intervalSeconds;
  // A failure that came after it stands, though this success is heard of later.
  if (repository.lastFailedAt !== null && repository.lastFailedAt >= finishedAt) return;
  repository.failedScans = 0;
  repository.lastFailureCode = null;
  repository.lastFailure = null;
  repository.lastFailedAt = null;
}

function projectFailure(set: WorkingSet, repository: RepositoryRecord, scan: RepositoryScanFailed): void {
  const finishedAt = new Date(scan.finishedAt);
  const { registry, requests } = scan;
  set.countScan({ registry, at: finishedAt, succeeded: false, seconds: 0, requests, observations: 0 });
  const newest = later(repository.lastScannedAt, repository.lastFailedAt);
  if (newest !== null && finishedAt <= newest) return;
  repository.failedScans += 1;
  repository.lastFailureCode = scan.code;
  repository.lastFailure = scan.error;
  repository.lastFailedAt = finishedAt;
}

interface ScanView {
  scan: RepositoryScanned;
  startedAt: Date;
  finishedAt: Date;
  /** A scan that ended later is known already. */
  late: boolean;
  /** End of the newest scan before this one. */
  before: Date | null;
  /** Begin of the repository's gap that ends with this scan. */
  gapFrom: Date | null;
  listed: ReadonlySet<string>;
  failures: ReadonlyMap<string, RepositoryScanned['failures'][number]>;
}

function projectTag(set: WorkingSet, tag: TagRecord, view: ScanView): void {
  const { scan, finishedAt, late, listed, before } = view;
  const known = wasTrackedAt(tag, scan.trackingSequence);
  const covered = known && (scan.coverage.mode === 'all-but') !== listed.has(tag.tag);
  if (covered) {
    cover(set, tag, view);
    return;
  }
  if (late) return;
  if (!tag.exempt) {
    tag.exempt = true;
    tag.ownLastScannedAt = before;
    set.changedTags.add(tag);
  }
  const failure = view.failures.get(tag.tag);
  if (!known || !tag.tracked || failure === undefined) return;
  tag.failedScans += 1;
  tag.lastFailureCode = failure.code;
  tag.lastFailure = failure.reason;
  tag.lastFailedAt = finishedAt;
  set.changedTags.add(tag);
}

function cover(set: WorkingSet, tag: TagRecord, view: ScanView): void {
  const { scan, finishedAt, late } = view;
  if (tag.coveredSince === null) {
    tag.coveredSince = finishedAt;
    set.changedTags.add(tag);
  }
  if (!tag.exempt) return;
  set.changedTags.add(tag);
  noteOwnGap(set, tag, view);
  // Its tracking has changed since, or a newer scan left it out: only its own time can move.
  const superseded = late || !tag.tracked || (tag.trackedSequence ?? 0) > scan.trackingSequence;
  if (superseded) {
    tag.ownLastScannedAt = later(tag.ownLastScannedAt, finishedAt);
    return;
  }
  tag.exempt = false;
  tag.ownLastScannedAt = null;
  tag.failedScans = 0;
  tag.lastFailureCode = null;
  tag.lastFailure = null;
  tag.lastFailedAt = null;
}

/** Whether a scan that knew TRACKING up to a sequence took the tag for tracked. */
function wasTrackedAt(tag: TagRecord, sequence: number): boolean {
  const { firstTrackedSequence: first, trackedSequence: tracked, untrackedSequence: untracked } = tag;
  if (first === null || tracked === null || first > sequence) return false;
  if (untracked === null || untracked > sequence) return true;
  return tracked > untracked && tracked <= sequence;
}

/** Since when nobody looked at a repository that had something to look at; null where the scan came in time. */
function gapBefore({ lastScannedAt, watchedFrom }: RepositoryRecord, scan: RepositoryScanned): Date | null {
  if (lastScannedAt === null || watchedFrom === null) return null;
  const from = later(lastScannedAt, watchedFrom);
  return isGap(from, scan) ? from : null;
}

/** Notes that nobody looked at a tag until now, unless its repository's gap says so. */
function noteOwnGap(set: WorkingSet, tag: TagRecord, { scan, startedAt, gapFrom: told }: ScanView): void {
  const { id: tagId, ownLastScannedAt: gapFrom } = tag;
  if (!isGap(gapFrom, scan) || (told !== null && told <= gapFrom)) return;
  set.tagGaps.push({ tagId, gapFrom, gapTo: startedAt });
}

function isGap(from: Date | null, { startedAt, intervalSeconds }: RepositoryScanned): from is Date {
  return from !== null && Date.parse(startedAt) - from.getTime() > GAP_INTERVALS * intervalSeconds * 1000;
}

function namedIn({ coverage, failures }: RepositoryScanned): Pick<ScanView, 'listed' | 'failures'> {
  return { listed: new Set(coverage.tags), failures: new Map(failures.map((failure) => [failure.tag, failure])) };
}
