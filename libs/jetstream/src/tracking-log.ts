import {
  decodeTracking,
  encode,
  EVENT_TYPES,
  SUBJECTS,
  tagEventId,
  type TrackedBy,
  type UntrackedBy,
} from '@dtm/events';
import type { Reference } from '@dtm/oci';
import type { NatsConnection } from '@nats-io/transport-node';
import { Appender } from './append.ts';
import { STREAMS } from './streams.ts';

/** `kept-untracked`: a person had untracked it, and what is automatic never overrides that. */
export type TrackOutcome = 'tracked' | 'already-tracked' | 'kept-untracked';
export type UntrackOutcome = 'untracked' | 'not-tracked';

/** A person may undo anything, a look may undo expiry; discovery overrides nothing that was ended. */
const MAY_OVERRIDE: Readonly<Record<TrackedBy, readonly UntrackedBy[]>> = {
  person: ['person', 'expiry'],
  view: ['expiry'],
  import: ['expiry'],
  popular: [],
  'new-tag': [],
};

/** Writes TRACKING: which tags are tracked. */
export class TrackingLog {
  readonly #appender: Appender;
  readonly #source: string;

  constructor(nc: NatsConnection, source: '/docker-tag-monitor/api' | '/docker-tag-monitor/scheduler') {
    this.#appender = new Appender(nc, STREAMS.tracking);
    this.#source = source;
  }

  /** Durable when it resolves. Safe against others who do the same at once: exactly one event is stored. */
  async track(reference: Reference, by: TrackedBy, at = new Date()): Promise<TrackOutcome> {
    const subject = SUBJECTS.tracking(reference);
    for (;;) {
      const last = await this.#appender.last(subject);
      if (last !== null) {
        const event = decodeTracking(last.data);
        if (event.type === EVENT_TYPES.TagTracked) return 'already-tracked';
        if (!MAY_OVERRIDE[by].includes(event.data.by)) return 'kept-untracked';
      }
      const expected = last?.sequence ?? 0;
      const bytes = encode({
        ...this.#envelope(reference, expected, at),
        type: EVENT_TYPES.TagTracked,
        data: { ...partsOf(reference), trackedAt: at.toISOString(), by },
      });
      if ((await this.#appender.append(subject, bytes, expected)).outcome === 'appended') return 'tracked';
    }
  }

  /** Durable when it resolves. What expired a person can still end, so that no look revives it. */
  async untrack(reference: Reference, by: UntrackedBy, at = new Date()): Promise<UntrackOutcome> {
    const subject = SUBJECTS.tracking(reference);
    for (;;) {
      const last = await this.#appender.last(subject);
      if (last === null) return 'not-tracked';
      const event = decodeTracking(last.data);
      if (event.type === EVENT_TYPES.TagUntracked && !(by === 'person' && event.data.by === 'expiry'))
        return 'not-tracked';
      const bytes = encode({
        ...this.#envelope(reference, last.sequence, at),
        type: EVENT_TYPES.TagUntracked,
        data: { ...partsOf(reference), untrackedAt: at.toISOString(), by },
      });
      if ((await this.#appender.append(subject, bytes, last.sequence)).outcome === 'appended') return 'untracked';
    }
  }

  #envelope(
    reference: Reference,
    previous: number,
    at: Date,
  ): { id: string; source: string; subject: string; time: string } {
    const subject = reference.toString();
    return { id: tagEventId(subject, previous), source: this.#source, subject, time: at.toISOString() };
  }
}

function partsOf(reference: Reference): { registry: string; repository: string; tag: string } {
  return { registry: reference.registry, repository: reference.repository, tag: reference.tag };
}
