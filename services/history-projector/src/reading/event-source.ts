import { readStream, streamState, type NatsConnection, type StoredMessage, type StreamSummary } from '@dtm/jetstream';

/** Where the events come from: NATS, or a test. */
export interface EventSource {
  /** What a reader must know of a stream before it trusts a checkpoint. */
  state(stream: string): Promise<StreamSummary>;
  /** In order, without gap or duplicate, what follows a sequence, until the signal says stop. */
  read(stream: string, after: number, signal: AbortSignal): AsyncIterable<StoredMessage>;
}

/** The streams of a NATS server. */
export function streamsOf(nc: NatsConnection): EventSource {
  return {
    state: (stream) => streamState(nc, stream),
    read: (stream, after, signal) => readStream(nc, { stream, after, signal }),
  };
}
