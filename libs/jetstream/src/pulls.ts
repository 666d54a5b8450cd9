import { JetStreamError } from '@nats-io/jetstream';
import { createInbox, nanos, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { inboxPrefixOf } from './connection.ts';
import { PulledMessage } from './pulled-message.ts';
import { onReconnect } from './reconnects.ts';
import { atMost } from './waiting.ts';

const EXPIRES_MS = 10_000;
/** The server's word that none came is waited for so much longer: where there is no such consumer it says nothing at all. */
const LATE_MS = 2_000;
const LAST_WORD_MS = 1_000;
const ONE_MESSAGE = Buffer.from(JSON.stringify({ batch: 1, expires: nanos(EXPIRES_MS) }));

const NONE_FOUND = 404;
const NONE_IN_TIME = 408;
const BAD_REQUEST = 400;

/** Takes messages of durable consumers one at a time, so that none waits in a busy process. */
export class Pulls {
  readonly #nc: NatsConnection;
  readonly #lanes = new Set<PullLane>();
  readonly #forget: () => void;
  #ended = false;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
    // Pulls that the old connection carried are lost; without a word the next would come when they expire.
    this.#forget = onReconnect(nc, () => {
      for (const lane of this.#lanes) lane.giveUp();
    });
  }

  /** A lane pulls one message after another. */
  lane(): PullLane {
    const lane = new PullLane(this.#nc);
    // Where the connection is gone, so is the subscription.
    if (this.#ended) lane.end().catch(() => undefined);
    else this.#lanes.add(lane);
    return lane;
  }

  /** Ends the pulls that are under way, and those to come, and sees to it that the server knows. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#forget();
    await atMost(LAST_WORD_MS, this.#endAll());
  }

  /**
   * One after the other: until the server knows that no lane pulls any more, it would hand what is given back to one of
   * them, where it lies until the server gives it away.
   */
  async #endAll(): Promise<void> {
    await Promise.all([...this.#lanes].map((lane) => lane.end()));
    for (const lane of this.#lanes) lane.giveBack();
    await this.#nc.flush();
  }
}

interface Waiting {
  /** Where the server answers this pull, if not by a message. */
  inbox: string;
  late: NodeJS.Timeout;
  resolve: (message: PulledMessage | null) => void;
  reject: (error: Error) => void;
}

/**
 * One subscription for all pulls of a lane: the client's own `fetch` makes one for each message, with an iterator of the
 * connection's status and a monitor of heartbeats, which costs twice as much as the message itself.
 */
export class PullLane {
  readonly #nc: NatsConnection;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  /** Came for a pull that was given up. */
  readonly #late: PulledMessage[] = [];
  #pulls = 0;
  #waiting: Waiting | null = null;
  #ended = false;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
    this.#inbox = createInbox(inboxPrefixOf(nc));
    this.#subscription = nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
        else this.#fail(error);
      },
    });
  }

  /** Null where none came in time; rejects where it is to be looked for the consumer. The next is asked for when the last is done. */
  next(stream: string, consumer: string): Promise<PulledMessage | null> {
    if (this.#ended) return Promise.resolve(null);
    const late = this.#late.shift();
    if (late !== undefined) return Promise.resolve(late);
    return new Promise((resolve, reject) => {
      const inbox = `${this.#inbox}.${++this.#pulls}`;
      this.#nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, ONE_MESSAGE, { reply: inbox });
      const late = setTimeout(() => setImmediate(() => this.#giveUpLate(inbox)), EXPIRES_MS + LATE_MS);
      this.#waiting = { inbox, late, resolve, reject };
    });
  }

  /** Whoever waits gets none. */
  giveUp(): void {
    this.#noLongerWaiting()?.resolve(null);
  }

  /** Waits for nothing any more. Resolves when the server knows, and what was on its way from it has come. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.giveUp();
    if (!this.#nc.isClosed()) await this.#subscription.drain();
  }

  /** What came for nobody goes back to the server. */
  giveBack(): void {
    if (this.#nc.isClosed()) return;
    for (const message of this.#late.splice(0)) message.nak();
  }

  /** After what lies unread is read: it is much where the process was held up. */
  #giveUpLate(inbox: string): void {
    if (this.#waiting?.inbox === inbox) this.#fail(new JetStreamError('the server does not answer a pull'));
  }

  #take(message: Msg): void {
    if (message.subject.startsWith(this.#inbox)) {
      this.#note(message);
      return;
    }
    const pulled = PulledMessage.of(message);
    if (pulled === null) return;
    const waiting = this.#noLongerWaiting();
    if (waiting === null) this.#late.push(pulled);
    else waiting.resolve(pulled);
  }

  /** Why the server gives no message. */
  #note({ subject, headers }: Msg): void {
    if (subject !== this.#waiting?.inbox) return;
    const code = headers?.code ?? 0;
    if (code === NONE_FOUND || code === NONE_IN_TIME) this.giveUp();
    else if (code === BAD_REQUEST)
      this.#fail(new Error(`the server refuses to be pulled from: ${headers?.description}`));
    // It stops, another server leads, or the consumer was deleted.
    else if (code > BAD_REQUEST) this.#fail(new JetStreamError(`nothing to pull from: ${headers?.description}`));
  }

  #fail(error: Error): void {
    this.#noLongerWaiting()?.reject(error);
  }

  #noLongerWaiting(): Waiting | null {
    const waiting = this.#waiting;
    if (waiting !== null) clearTimeout(waiting.late);
    this.#waiting = null;
    return waiting;
  }
}
