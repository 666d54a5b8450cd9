import type { DigestObserved, TagDisappeared } from '@dtm/events';
import type { HistoryHead, TagScanState } from '@dtm/jetstream';

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
  reference: { registry: string; repository: string; tag: string };
  /** Last event of its history when the request was sent; null where there is none. */
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
  | { kind: 'disappeared'; since: Date; data: TagDisappeared };

/** Decides what an answer means against the record. Pure: the same input always gives the same decision. */
export function decide(known: Known, answer: Answer, intervalSeconds: number): Decision {
  return answer.outcome === 'present' ? decidePresent(known, answer) : decideAbsent(known, answer, intervalSeconds);
}

function decidePresent(known: Known, answer: Answer & { outcome: 'present' }): Decision {
  const { reference, head } = known;
  if (head !== null && !head.gone && head.digest === answer.digest) return { kind: 'unchanged' };
  const previous = head === null ? null : previousOf(head, stateOf(known), answer);
  const { pushedAt } = answer;
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
      previous,
      ...(head?.gone === true ? { reappeared: true as const } : {}),
      ...(pushedAt === undefined || contradicts(pushedAt, previous) ? {} : { pushedAt: pushedAt.toISOString() }),
    },
  };
}

function decideAbsent(known: Known, answer: Answer, intervalSeconds: number): Decision {
  const { reference, head } = known;
  // What is gone stays gone.
  if (head?.gone === true) return { kind: 'unchanged' };
  const state = stateOf(known);
  const since = state?.missingSince ?? null;
  if (since === null) return { kind: 'missing', since: answer.receivedAt };
  // What was never there cannot disappear.
  if (head === null) return { kind: 'missing', since };
  const apart = answer.sentAt.getTime() - since.getTime();
  if (apart < intervalSeconds * 1000) return { kind: 'missing', since };
  return {
    kind: 'disappeared',
    since,
    data: {
      registry: reference.registry,
      repository: reference.repository,
      tag: reference.tag,
      observedAt: answer.receivedAt.toISOString(),
      previous: previousOf(head, state, answer),
    },
  };
}

/**
 * What the last scans knew counts only where it is about the record's last event: after a crash, or another fetcher's
 * append, the tag was seen since, and neither "last seen" nor "missing since" holds any more.
 */
function stateOf({ head, state }: Known): TagScanState | null {
  return state !== null && state.sequence === (head?.sequence ?? 0) ? state : null;
}

/**
 * Some registries name the time at which a manifest came, which a tag that is moved back to it tells again: when another
 * digest was seen since then, the tag was not pushed then.
 */
function contradicts(pushedAt: Date, previous: Previous | null): boolean {
  return previous !== null && pushedAt.getTime() < Date.parse(previous.lastSeenAt) - SKEW_MS;
}

/** By which a registry's clock may lag. */
const SKEW_MS = 5 * 60_000;

type Previous = NonNullable<DigestObserved['previous']>;

/**
 * The link to the event before. Without a state, the event's own time is all that is certain; a time after this request
 * was sent is of a clock that was ahead.
 */
function previousOf(head: HistoryHead, state: TagScanState | null, { sentAt }: Answer): Previous {
  const lastSeenAt = state?.lastSeenAt ?? head.observedAt;
  return {
    digest: head.digest,
    lastSeenAt: (lastSeenAt < sentAt ? lastSeenAt : sentAt).toISOString(),
    sequence: head.sequence,
    hash: head.hash,
  };
}
