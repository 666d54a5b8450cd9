import { encode, EVENT_TYPES, SUBJECTS, tagEventId, type DigestObserved, type TagDisappeared } from '@dtm/events';
import type { NatsConnection } from '@nats-io/transport-node';
import { Appender, type AppendResult } from './append.ts';
import { STREAMS } from './streams.ts';

/** Writes the history of tags: `history.>` for the fetcher. Its only writer; imports have their own. */
export class HistoryLog {
  readonly #appender: Appender;
  readonly #source: string;

  constructor(nc: NatsConnection, source = '/docker-tag-monitor/registry-fetcher') {
    this.#appender = new Appender(nc, STREAMS.history);
    this.#source = source;
  }

  /** Records that a tag points to another digest than the record holds. `data.previous` names the event it follows. */
  async recordObserved(data: DigestObserved): Promise<AppendResult> {
    const envelope = this.#envelope(data, data.previous?.sequence ?? 0);
    const bytes = encode({ ...envelope, type: EVENT_TYPES.DigestObserved, data });
    return this.#appender.append(SUBJECTS.history(data), bytes, data.previous?.sequence ?? 0);
  }

  /** Records that a tag is no longer there. */
  async recordDisappeared(data: TagDisappeared): Promise<AppendResult> {
    const envelope = this.#envelope(data, data.previous.sequence);
    const bytes = encode({ ...envelope, type: EVENT_TYPES.TagDisappeared, data });
    return this.#appender.append(SUBJECTS.history(data), bytes, data.previous.sequence);
  }

  #envelope(
    data: { registry: string; repository: string; tag: string; observedAt: string },
    previousSequence: number,
  ): { id: string; source: string; subject: string; time: string } {
    const reference = `${data.registry}/${data.repository}:${data.tag}`;
    return {
      id: tagEventId(reference, previousSequence),
      source: this.#source,
      subject: reference,
      time: data.observedAt,
    };
  }
}
