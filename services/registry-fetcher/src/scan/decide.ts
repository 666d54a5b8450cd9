import type { DigestObserved, TagDisappeared } from '@dtm/events';
import type { HistoryHead, TagScanState } from '@dtm/jetstream';
import type { Reference } from '@dtm/oci';

/** The registry's answer about one tag, as far as a decision needs it. */
export type Answer =
  | {
      outcome: 'present';
      digest: string;
      mediaType: string;
      source: 'head' | 'get';
      sentAt: Date;
      receivedAt: Date;
      pushedAt?: Date;
    }
  | { outcome: 'absent'; sentAt: Date; receivedAt: Date };

/** What is known of a tag before the answer. */
export interface Known {
  reference: Reference;
  /** Last event of its history; null where there is none. */
  head: HistoryHead | null;
  /** What the last scans knew; null where nothing is stored. */
  state: TagScanState | null;
}

export type Decision =
  /** As it was: nothing is appended. */
  | { kind: 'unchanged' }
  | { kind: 'observed'; data: DigestObserved }
  /** Not there, but that is not certain, or not for long enough. */
  | { kind: 'missing'; since: Date }
  /** Not there for long enough; to be recorded where the registry is otherwise well. */
  | { kind: 'disappeared'; data: TagDisappeared };

/** Decides what an answer means against the record. Pure: the same input always gives the same decision. */
export function decide(known: Known, answer: Answer, intervalSeconds: number): Decision {
  return answer.outcome === 'present' ? decidePresent(known, answer) : decideAbsent(known, answer, intervalSeconds);
}

function decidePresent(known: Known, answer: Answer & { outcome: 'present' }): Decision {
  const { reference, head } = known;
  if (head !== null && !head.gone && head.digest === answer.digest) return { kind: 'unchanged' };
  return {
    kind: 'observed',
    data: {
      registry: reference.registry,
      repository: reference.repository,
      tag: reference.tag,
      digest: answer.digest,
      mediaType: answer.mediaType,
      observedAt: answer.receivedAt.toISOString(),
      source: answer.source,
      previous: head === null ? null : previousOf(head, known.state),
      ...(head?.gone === true ? { reappeared: true as const } : {}),
      ...(answer.pushedAt === undefined ? {} : { pushedAt: answer.pushedAt.toISOString() }),
    },
  };
}

function decideAbsent(known: Known, answer: Answer, intervalSeconds: number): Decision {
  const { reference, head, state } = known;
  const since = state?.missingSince ?? answer.receivedAt;
  // What was never there cannot disappear; what is gone stays gone.
  if (head === null || head.gone) return { kind: 'missing', since };
  const apart = answer.sentAt.getTime() - since.getTime();
  if (state?.missingSince == null || apart < intervalSeconds * 1000) return { kind: 'missing', since };
  return {
    kind: 'disappeared',
    data: {
      registry: reference.registry,
      repository: reference.repository,
      tag: reference.tag,
      observedAt: answer.receivedAt.toISOString(),
      previous: previousOf(head, state),
    },
  };
}

/**
 * The link to the event before. What the last scans knew counts only where it is about that very event: after a crash, or
 * another fetcher's append, the event's own time is all that is certain.
 */
function previousOf(head: HistoryHead, state: TagScanState | null): NonNullable<DigestObserved['previous']> {
  const confirmed = state !== null && state.sequence === head.sequence ? state.lastSeenAt : head.observedAt;
  return {
    digest: head.digest,
    lastSeenAt: confirmed.toISOString(),
    sequence: head.sequence,
    hash: head.hash,
  };
}
