import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { onReconnect } from './reconnects.ts';
import { atMost } from './waiting.ts';

const EXPIRES_MS = 10_000;
const LAST_WORD_MS = 1_000;

/** Takes messages of durable consumers one at a time, so that none waits in a busy process. */
export class Pulls {
  readonly #nc: NatsConnection;
  readonly #underWay = new Set<ConsumerMessages>();
  readonly #forget: () => void;
  #ended = false;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
    // Pulls that the old connection carried are lost; without a word the next would come when they expire.
    this.#forget = onReconnect(nc, () => this.#stop());
  }

  /** Null where none came in time. The pull ends before the work begins: a long one would let its heartbeats go missing. */
  async next(consumer: Consumer): Promise<JsMsg | null> {
    const pull = await consumer.fetch({ max_messages: 1, expires: EXPIRES_MS });
    this.#underWay.add(pull);
    if (this.#ended) pull.stop();
    try {
      for await (const message of pull) return message;
      return null;
    } finally {
      this.#underWay.delete(pull);
    }
  }

  /** Ends the pulls that are under way, and those to come, and sees to it that the server knows. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#stop();
    this.#forget();
    // Until the server knows, it would hand messages to pulls that are gone, where they lie until it gives them away.
    await atMost(LAST_WORD_MS, this.#nc.flush());
  }

  #stop(): void {
    for (const pull of this.#underWay) pull.stop();
  }
}
