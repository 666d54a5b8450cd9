import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** The server's code for "no message found". */
const NO_MESSAGE = 10037;
const DEADLINE_MS = 5_000;

/**
 * Removes from a work queue what its consumer has acknowledged and the queue still holds. A server that is killed may
 * remember the acknowledgement and forget the removal (seen with 2.9.10): such a message is never delivered again, and
 * where a subject may hold but one, it keeps all others out for good. What is found is removed by the next look, since a
 * removal that is only just under way looks the same.
 */
export class LeftBehind {
  readonly #nc: NatsConnection;
  readonly #stream: string;
  #suspects = new Set<number>();

  constructor(nc: NatsConnection, stream: string) {
    this.#nc = nc;
    this.#stream = stream;
  }

  /** Returns how many messages of a subject (wildcards allowed) were removed. */
  async remove(consumer: string, subject: string): Promise<number> {
    const jsm = await jetstreamManager(this.#nc, { checkAPI: false });
    const { stream_seq: floor } = (await jsm.consumers.info(this.#stream, consumer)).ack_floor;
    const suspects = new Set<number>();
    let removed = 0;
    for (let sequence = await this.#next(1, subject); sequence <= floor;) {
      if (!this.#suspects.has(sequence)) suspects.add(sequence);
      else if (await this.#delete(jsm, sequence)) removed++;
      sequence = await this.#next(sequence + 1, subject);
    }
    this.#suspects = suspects;
    return removed;
  }

  /** False where another fetcher was faster. */
  async #delete(jsm: JetStreamManager, sequence: number): Promise<boolean> {
    try {
      return await jsm.streams.deleteMessage(this.#stream, sequence, false);
    } catch (error) {
      if ((await this.#next(sequence, '>')) !== sequence) return false;
      throw error;
    }
  }

  /** Sequence of the first message of a subject from a sequence on; infinite where there is none. */
  async #next(sequence: number, subject: string): Promise<number> {
    // The client's own call knows no such question.
    const question = JSON.stringify({ seq: sequence, next_by_subj: subject });
    const reply = await this.#nc.request(`$JS.API.STREAM.MSG.GET.${this.#stream}`, question, { timeout: DEADLINE_MS });
    const answer = reply.json<{ message?: { seq: number }; error?: { err_code: number; description: string } }>();
    if (answer.message !== undefined) return answer.message.seq;
    if (answer.error?.err_code === NO_MESSAGE) return Infinity;
    throw new Error(`reading ${this.#stream} failed: ${answer.error?.description ?? 'no answer'}`);
  }
}
