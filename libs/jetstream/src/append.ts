import { CONTENT_TYPE } from '@dtm/events';
import {
  jetstream,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { pause, type StoredMessage } from './reader.ts';

/** What became of an append: stored under a sequence, or refused because the subject holds another last event. */
export type AppendResult =
  { outcome: 'appended'; sequence: number } | { outcome: 'conflict'; last: StoredMessage | null };

const ACK_TIMEOUT_MS = 5_000;
const ATTEMPTS = 5;

/**
 * Appends to a stream under the optimistic concurrency of event sourcing: an event is stored only where the subject's
 * last sequence is the expected one.
 */
export class Appender {
  readonly #js: JetStreamClient;
  readonly #nc: NatsConnection;
  readonly #stream: string;
  readonly #headers: MsgHdrs;
  #jsm: Promise<JetStreamManager> | null = null;

  constructor(nc: NatsConnection, stream: string) {
    this.#nc = nc;
    this.#js = jetstream(nc, { timeout: ACK_TIMEOUT_MS });
    this.#stream = stream;
    this.#headers = headers();
    this.#headers.set('content-type', CONTENT_TYPE);
  }

  /**
   * Appends unless the subject's last sequence differs from `expected` (0: no event yet). Where the acknowledgement is
   * lost, the stream itself says what happened: identical bytes in the last place are our own append. Throws where the
   * stream stays away; then it is unknown whether the event was stored, and the next attempt by anyone will see it.
   */
  async append(subject: string, bytes: Uint8Array, expected: number): Promise<AppendResult> {
    for (let attempt = 1; ; attempt++) {
      try {
        const ack = await this.#js.publish(subject, bytes, {
          headers: this.#headers,
          expect: { streamName: this.#stream, lastSubjectSequence: expected },
          timeout: ACK_TIMEOUT_MS,
        });
        return { outcome: 'appended', sequence: ack.seq };
      } catch (error) {
        const refused = isWrongSequence(error);
        if (!refused && attempt >= ATTEMPTS) throw error;
        if (!refused) await pause(100 * 2 ** attempt);
        const last = await this.last(subject);
        if (last !== null && sameBytes(last.data, bytes)) return { outcome: 'appended', sequence: last.sequence };
        if (refused || (last?.sequence ?? 0) !== expected) return { outcome: 'conflict', last };
      }
    }
  }

  /** The subject's last event, asked of the stream's leader, since a replica may lag. */
  async last(subject: string): Promise<StoredMessage | null> {
    this.#jsm ??= jetstreamManager(this.#nc, { checkAPI: false });
    const jsm = await this.#jsm;
    const message = await jsm.streams.getMessage(this.#stream, { last_by_subj: subject });
    if (message === null) return null;
    return { sequence: message.seq, subject: message.subject, data: message.data, storedAt: message.time };
  }
}

/** Whether a compare-and-swap lost against another writer. */
export function isWrongSequence(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return false;
  const { StreamWrongLastSequence, StreamWrongLastSequenceUnknown } = JetStreamApiCodes;
  return error.code === StreamWrongLastSequence || error.code === StreamWrongLastSequenceUnknown;
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.from(left.buffer, left.byteOffset, left.byteLength).equals(right);
}
