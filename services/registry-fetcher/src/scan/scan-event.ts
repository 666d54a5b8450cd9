import type { RepositoryScanFailed, RepositoryScanned, ScanRequest } from '@dtm/events';
import type { ScanTally, TagOutcome } from './scan-tally.ts';

/** Bytes of a list of tags in a scan event. NATS takes messages up to 1 MB; the lists together stay well below. */
const LIST_BYTES = 300_000;
const FAILURES_MAX = 200;
const REASON_MAX = 300;
const ERROR_MAX = 500;

/** What success and failure of a scan tell alike. */
export type ScanFields = Pick<
  RepositoryScanned,
  | 'registry'
  | 'repository'
  | 'scanId'
  | 'reason'
  | 'startedAt'
  | 'finishedAt'
  | 'requests'
  | 'trackingSequence'
  | 'intervalSeconds'
>;

/** What only a success tells, beyond the tally. */
export type ScannedFields = Pick<RepositoryScanned, 'adapter' | 'acceptVersion' | 'historySequence'>;

/** What both events tell of a scan. It ends no earlier than it began, whatever clocks say. */
export function scanFields(
  { registry, repository, reason, intervalSeconds }: ScanRequest,
  scan: { scanId: string; startedAt: Date; trackingSequence: number; requests: number },
  now: Date,
): ScanFields {
  const { scanId, startedAt, trackingSequence, requests } = scan;
  const finishedAt = new Date(Math.max(now.getTime(), startedAt.getTime()));
  return {
    registry,
    repository,
    scanId,
    reason,
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
    requests,
    trackingSequence,
    intervalSeconds,
  };
}

/**
 * The event of a scan that gave answers. `known` are the tags that it knew to be tracked, `appeared` those that it found
 * to be new. Where the lists would become too
 * long for a message it claims to cover less than it did, never more.
 */
export function scannedEvent(
  scan: ScanFields & ScannedFields,
  tally: Pick<ScanTally, 'outcomes' | 'changes'>,
  known: Iterable<string>,
  appeared: readonly string[] = [],
): RepositoryScanned {
  const missing: string[] = [];
  const present: string[] = [];
  const failures: RepositoryScanned['failures'] = [];
  const names = new Set([...known, ...tally.outcomes.keys()]);
  for (const tag of names) {
    const outcome = tally.outcomes.get(tag);
    if (outcome === undefined) continue;
    if (outcome.kind === 'failed') failures.push({ tag, code: outcome.code, reason: cut(outcome.reason, REASON_MAX) });
    else (isThere(outcome) ? present : missing).push(tag);
  }
  const told = fitting(missing);
  return {
    ...scan,
    observations: present.length,
    changes: tally.changes,
    coverage: coverageOf([...told, ...present], names),
    failures: failures.slice(0, FAILURES_MAX),
    missing: told,
    ...(appeared.length === 0 ? {} : { appeared: [...appeared] }),
  };
}

/** The event of a scan that gave no answer at all. */
export function failedEvent(scan: ScanFields, failure: TagOutcome & { kind: 'failed' }): RepositoryScanFailed {
  return { ...scan, code: failure.code, error: cut(failure.reason, ERROR_MAX) };
}

function isThere(outcome: TagOutcome): boolean {
  return outcome.kind === 'agreed' && !outcome.gone;
}

/** Names the shorter of both sides. Cut is only the side that says less when it is cut. */
function coverageOf(covered: readonly string[], names: ReadonlySet<string>): RepositoryScanned['coverage'] {
  const isCovered = new Set(covered);
  const uncovered = [...names].filter((tag) => !isCovered.has(tag));
  const bytesUncovered = bytesOf(uncovered);
  if (bytesUncovered <= LIST_BYTES && bytesUncovered <= bytesOf(covered)) return { mode: 'all-but', tags: uncovered };
  return { mode: 'only', tags: fitting(covered) };
}

/** As many from the front as fit into a message. */
function fitting(tags: readonly string[]): string[] {
  let bytes = 0;
  let count = 0;
  for (const tag of tags) {
    bytes += bytesInList(tag);
    if (bytes > LIST_BYTES) break;
    count++;
  }
  return tags.slice(0, count);
}

function bytesOf(tags: readonly string[]): number {
  return tags.reduce((sum, tag) => sum + bytesInList(tag), 0);
}

/** Tags are ASCII; two quotation marks and a comma. */
function bytesInList(tag: string): number {
  return tag.length + 3;
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}
