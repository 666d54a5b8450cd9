import { CONTENT_TYPE } from '@dtm/events';
import { traced } from '@dtm/tracing';
import {
  JetStreamApiError,
  jetstreamManager,
  PubHeaders,
  type JetStreamManager,
  type PubAck,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { isPassing, isWrongSequence } from './failures.ts';
import { withTrace } from './message-trace.ts';
import type { StoredMessage } from './reader.ts';
import { unlessReconnected } from './reconnects.ts';
import { requestJetStream } from './requests.ts';
import { pause } from './waiting.ts';

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
  readonly #nc: NatsConnection;
  readonly #stream: string;
  readonly #timeoutMs: number;
  #jsm: Promise<JetStreamManager> | null = null;

  constructor(nc: NatsConnection, stream: string, options: { ackTimeoutMs?: number } = {}) {
    this.#nc = nc;
    this.#timeoutMs = options.ackTimeoutMs ?? ACK_TIMEOUT_MS;
    this.#stream = stream;
  }

  /**
   * Appends unless the subject's last sequence differs from `expected` (0: no event yet). Where an acknowledgement is
   * lost it asks again with the same expectation, so that nothing is stored twice; a refusal then with identical bytes in
   * the last place means that the lost one was ours. A conflict never appends. Throws where the stream stays away: then
   * it is unknown whether the event was stored, and the next attempt by anyone will see it.
   */
  append(subject: string, bytes: Uint8Array, expected: number): Promise<AppendResult> {
    const attributes = { 'messaging.system': 'nats', 'dtm.subject': subject };
    return traced(`append ${this.#stream}`, { kind: 'producer', attributes }, async (span) => {
      const result = await this.#append(subject, bytes, expected);
      span.set({ 'dtm.outcome': result.outcome });
      return result;
    });
  }

  async #append(subject: string, bytes: Uint8Array, expected: number): Promise<AppendResult> {
    const headers = withTrace({
      'content-type': CONTENT_TYPE,
      [PubHeaders.ExpectedStreamHdr]: this.#stream,
      [PubHeaders.ExpectedLastSubjectSequenceHdr]: String(expected),
    });
    let unsure = false;
    for (let attempt = 1; ; attempt++) {
      try {
        const ack = await requestJetStream<PubAck>(this.#nc, subject, bytes, {
          headers,
          timeoutMs: this.#timeoutMs,
        });
        return { outcome: 'appended', sequence: ack.seq };
      } catch (error) {
        if (isWrongSequence(error)) return this.#afterRefusal(subject, bytes, unsure);
        if (!this.#mayRetry(error, attempt)) throw new Error(`could not append to ${subject}`, { cause: error });
        // A refusal by the server itself is an answer; anything else leaves open whether the event was stored.
        unsure ||= !(error instanceof JetStreamApiError);
        await pause(100 * 2 ** attempt);
      }
    }
  }

  /** The subject's last event, asked of the stream's leader, since a replica may lag. */
  async last(subject: string): Promise<StoredMessage | null> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#jsm ??= jetstreamManager(this.#nc, { checkAPI: false, timeout: this.#timeoutMs });
        const jsm = await this.#jsm;
        const asking = jsm.streams.getMessage(this.#stream, { last_by_subj: subject });
        const message = await unlessReconnected(this.#nc, asking);
        if (message === null) return null;
        return { sequence: message.seq, subject: message.subject, data: message.data, storedAt: message.time };
      } catch (error) {
        if (!this.#mayRetry(error, attempt)) throw new Error(`could not read the last ${subject}`, { cause: error });
        await pause(100 * 2 ** attempt);
      }
    }
  }

  /** Without a lost acknowledgement before it, a refusal is about another writer's event, even where the bytes are alike. */
  async #afterRefusal(subject: string, bytes: Uint8Array, unsure: boolean): Promise<AppendResult> {
    const last = await this.last(subject);
    if (unsure && last !== null && Buffer.compare(last.data, bytes) === 0) {
      return { outcome: 'appended', sequence: last.sequence };
    }
    return { outcome: 'conflict', last };
  }

  #mayRetry(error: unknown, attempt: number): boolean {
    return attempt < ATTEMPTS && isPassing(error) && !this.#nc.isClosed();
  }
}
