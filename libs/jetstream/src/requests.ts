import { JetStreamApiError, type ApiError } from '@nats-io/jetstream';
import {
  createInbox,
  headers,
  NoRespondersError,
  RequestError,
  TimeoutError,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
} from '@nats-io/transport-node';
import { inboxPrefixOf } from './connection.ts';
import { onReconnect } from './reconnects.ts';

/** What goes with a request. */
export interface RequestOptions {
  headers?: Readonly<Record<string, string>>;
  /** Default 5 s. */
  timeoutMs?: number;
}

interface Unsent {
  token: string;
  subject: string;
  data: Uint8Array | string;
  headers: RequestOptions['headers'];
}

interface Open {
  subject: string;
  /** Epoch ms. */
  deadline: number;
  resolve: (reply: Msg) => void;
  reject: (error: Error) => void;
}

const TIMEOUT_MS = 5_000;
/** How often it is looked for requests that nobody answers. */
const LOOK_MS = 250;
const NO_RESPONDERS = 503;
const EMPTY = new Uint8Array();
const UTF8 = new TextDecoder();

/**
 * Requests of one connection, answered on one subscription. The client's own make a timer, a race of promises and an error
 * with its stack for each, which is half of what a scan would spend on the bus. What is asked within one turn of the event
 * loop is sent together, in order: a write of its own for each costs more than all else, here and at the server.
 */
class Requests {
  static readonly #all = new WeakMap<NatsConnection, Requests>();
  readonly #nc: NatsConnection;
  readonly #inbox: string;
  readonly #open = new Map<string, Open>();
  #unsent: Unsent[] = [];
  #last = 0;
  #look: NodeJS.Timeout | null = null;

  static of(nc: NatsConnection): Requests {
    let requests = this.#all.get(nc);
    if (requests === undefined) {
      requests = new Requests(nc);
      this.#all.set(nc, requests);
    }
    return requests;
  }

  private constructor(nc: NatsConnection) {
    this.#nc = nc;
    this.#inbox = `${createInbox(inboxPrefixOf(nc))}.`;
    nc.subscribe(`${this.#inbox}*`, {
      callback: (error, reply) => {
        if (error === null) this.#answer(reply);
        else this.#rejectAll(error);
      },
    });
    onReconnect(nc, () => this.#rejectAll(new RequestError('the connection was lost before the answer came')));
  }

  send(subject: string, data: Uint8Array | string, options: RequestOptions): Promise<Msg> {
    return new Promise((resolve, reject) => {
      const token = (++this.#last).toString(36);
      if (this.#unsent.push({ token, subject, data, headers: options.headers }) === 1) setImmediate(this.#sendAll);
      this.#open.set(token, { subject, deadline: Date.now() + (options.timeoutMs ?? TIMEOUT_MS), resolve, reject });
      this.#look ??= setTimeout(this.#giveUp, LOOK_MS);
    });
  }

  readonly #sendAll = (): void => {
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const { token, subject, data, headers: fields } of unsent) {
      const open = this.#open.get(token);
      // Given up meanwhile, as the connection was lost: it is not to be done after all.
      if (open === undefined) continue;
      try {
        const reply = this.#inbox + token;
        this.#nc.publish(subject, data, fields === undefined ? { reply } : { reply, headers: headersOf(fields) });
      } catch (error) {
        this.#open.delete(token);
        open.reject(error instanceof Error ? error : new Error(String(error)));
      }
    }
  };

  #answer(reply: Msg): void {
    const token = reply.subject.slice(this.#inbox.length);
    const open = this.#open.get(token);
    if (open === undefined) return;
    this.#open.delete(token);
    if (reply.data.length === 0 && reply.headers?.code === NO_RESPONDERS) {
      open.reject(new NoRespondersError(open.subject));
    } else {
      open.resolve(reply);
    }
  }

  readonly #giveUp = (): void => {
    const now = Date.now();
    for (const [token, { deadline, reject }] of this.#open) {
      if (deadline > now) continue;
      this.#open.delete(token);
      reject(new TimeoutError());
    }
    this.#look = this.#open.size === 0 ? null : setTimeout(this.#giveUp, LOOK_MS);
  };

  #rejectAll(error: Error): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    clearTimeout(this.#look ?? undefined);
    this.#look = null;
    for (const { reject } of open) reject(error);
  }
}

/** Headers of a message, by their names. */
export function headersOf(fields: Readonly<Record<string, string>>): MsgHdrs {
  const made = headers();
  for (const [name, value] of Object.entries(fields)) made.set(name, value);
  return made;
}

/**
 * Sends a request and waits for its one answer. Rejects where nobody serves the subject, where no answer comes in time, and
 * as soon as the connection was lost meanwhile: whether the request was heard is unknown then.
 */
export async function request(
  nc: NatsConnection,
  subject: string,
  data: Uint8Array | string = EMPTY,
  options: RequestOptions = {},
): Promise<Msg> {
  return Requests.of(nc).send(subject, data, options);
}

/** A request that JetStream answers: a publication to a stream, or a call of its API. Rejects with its `JetStreamApiError` too. */
export async function requestJetStream<T extends object>(
  nc: NatsConnection,
  subject: string,
  data: Uint8Array | string = EMPTY,
  options: RequestOptions = {},
): Promise<T> {
  const reply = await request(nc, subject, data, options);
  const answer = JSON.parse(UTF8.decode(reply.data)) as T & { error?: ApiError };
  if (answer.error !== undefined) throw new JetStreamApiError(answer.error);
  return answer;
}
