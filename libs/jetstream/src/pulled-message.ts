import { nanos, type Msg, type MsgHdrs } from '@nats-io/transport-node';
import type { StoredMessage } from './reader.ts';

const ACK = Buffer.from('+ACK');
const WORKING = Buffer.from('+WPI');
const TERM = Buffer.from('+TERM');
/** Parts of the subject that acknowledgements go to, counted from the end of its older form. */
const OLD_PARTS = 9;
const DELIVERIES_AT = 4;
const SEQUENCE_AT = 5;
const STORED_AT = 7;
const NANOS_PER_MS = 1_000_000;

/** A message of a consumer that was handed to this process to be worked on, and acknowledged. */
export class PulledMessage implements StoredMessage {
  /** Sequence in the stream. */
  readonly sequence: number;
  /** 1 on the first delivery. */
  readonly delivery: number;
  readonly storedAt: Date;
  readonly #message: Msg;
  #isSettled = false;

  private constructor(
    message: Msg,
    { sequence, delivery, storedAt }: Pick<PulledMessage, 'sequence' | 'delivery' | 'storedAt'>,
  ) {
    this.#message = message;
    this.sequence = sequence;
    this.delivery = delivery;
    this.storedAt = storedAt;
  }

  /** Null where the message is none that a consumer delivered. */
  static of(message: Msg): PulledMessage | null {
    // $JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>; newer servers add
    // domain and account in front of the stream, and may add more behind.
    const parts = message.reply?.split('.') ?? [];
    const shift = parts.length === OLD_PARTS ? 0 : 2;
    const delivery = Number(parts[DELIVERIES_AT + shift]);
    const sequence = Number(parts[SEQUENCE_AT + shift]);
    const storedAt = new Date(Number(parts[STORED_AT + shift]) / NANOS_PER_MS);
    if (!Number.isInteger(sequence) || !Number.isInteger(delivery)) return null;
    return new PulledMessage(message, { sequence, delivery, storedAt });
  }

  get subject(): string {
    return this.#message.subject;
  }

  get data(): Uint8Array {
    return this.#message.data;
  }

  get headers(): MsgHdrs | undefined {
    return this.#message.headers;
  }

  /** It is done. */
  ack(): void {
    this.#settle(ACK);
  }

  /** It is to come again, after so many milliseconds. */
  nak(delayMs = 0): void {
    this.#settle(delayMs > 0 ? `-NAK ${JSON.stringify({ delay: nanos(delayMs) })}` : '-NAK');
  }

  /** It is never to come again, though it was not done. */
  term(): void {
    this.#settle(TERM);
  }

  /** It is being worked on: the server waits longer before it hands it to another. */
  working(): void {
    if (!this.#isSettled) this.#message.respond(WORKING);
  }

  #settle(word: Uint8Array | string): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#message.respond(word);
  }
}
