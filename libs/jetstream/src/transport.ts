import { Catch, type ExceptionFilter } from '@nestjs/common';
import { BaseRpcContext, Server, type CustomTransportStrategy } from '@nestjs/microservices';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { isObservable, lastValueFrom, throwError, type Observable } from 'rxjs';
import { traced, type Span } from '@dtm/tracing';
import { isPassing } from './failures.ts';
import { traceOf } from './message-trace.ts';
import { atMost } from './waiting.ts';

/** A durable source of jobs: `handle` resolves when a job is done (it is acknowledged), rejects when it is to come again. */
export interface WorkSource<T> {
  start(handle: (job: T) => Promise<void>): void;
  stop(): Promise<void>;
}

/** What a handler gets as its second parameter. */
export class JetStreamContext extends BaseRpcContext<[pattern: string]> {
  /** The pattern by which the handler was found. */
  get pattern(): string {
    return this.getArgByIndex(0);
  }
}

/** Queue group of those that answer requests: one of the replicas does. */
const QUEUE = 'docker-tag-monitor';

/** How long the end waits for answers that are under way, and for a server that is away. */
const LAST_ANSWERS_MS = 3_000;

/**
 * Nest's transport over JetStream: `@EventPattern(name)` handles the jobs of the work source of that name, acknowledged
 * after success; `@MessagePattern(subject)` answers NATS requests, JSON in and out.
 */
export class JetStreamStrategy extends Server implements CustomTransportStrategy {
  // Without it Nest logs a failed event handler and calls it handled; here it must become a nak.
  override readonly propagatesEventHandlerErrors = true;
  readonly #nc: NatsConnection;
  readonly #sources: ReadonlyMap<string, WorkSource<unknown>>;
  readonly #subscriptions: Subscription[] = [];
  readonly #answering = new Set<Promise<void>>();

  constructor(nc: NatsConnection, sources: Readonly<Record<string, WorkSource<unknown>>>) {
    super();
    this.#nc = nc;
    this.#sources = new Map(Object.entries(sources));
  }

  override listen(callback: (error?: unknown) => void): void {
    for (const [pattern, handler] of this.messageHandlers) {
      const call = async (data: unknown): Promise<unknown> =>
        settle(await handler(data, new JetStreamContext([pattern])));
      if (handler.isEventHandler === true) {
        const source = this.#sources.get(pattern);
        if (source === undefined) return callback(new Error(`nothing delivers the event pattern ${pattern}`));
        source.start(async (job) => {
          await call(job);
        });
      } else {
        this.#subscriptions.push(this.#answer(pattern, call));
      }
    }
    this.#subscribed().then(() => callback(), callback);
  }

  /** Resolves when the server knows the subscriptions: who is told that this listens may ask at once, over any connection. */
  async #subscribed(): Promise<void> {
    while (this.#subscriptions.length > 0) {
      try {
        return await this.#nc.flush();
      } catch (error) {
        // The connection was lost meanwhile: the client subscribes anew with the next one, and that is to be awaited.
        if (!isPassing(error) || this.#nc.isClosed()) throw error;
      }
    }
  }

  /** Takes no further job and no further question; resolves when the jobs and answers that are under way are done. */
  override async close(): Promise<void> {
    const jobs = [...this.#sources.values()].map(async (source) => source.stop());
    const drained = Promise.allSettled(this.#subscriptions.map(async (subscription) => subscription.drain()));
    // Draining is a question to the server, which may be away: that must not hold up the end.
    await atMost(LAST_ANSWERS_MS, drained);
    await atMost(LAST_ANSWERS_MS, Promise.allSettled(this.#answering));
    await Promise.all(jobs);
  }

  /** There are no transport events to listen to: the connection reports its own status. */
  override on(): void {
    return;
  }

  override unwrap<T>(): T {
    return this.#nc as T;
  }

  #answer(subject: string, call: (data: unknown) => Promise<unknown>): Subscription {
    return this.#nc.subscribe(subject, {
      queue: QUEUE,
      callback: (error, message) => {
        if (error !== null) {
          this.logger.error(`questions on ${subject} are not received: ${error.message}`);
          return;
        }
        const options = {
          kind: 'server',
          parent: traceOf(message),
          attributes: { 'messaging.system': 'nats' },
        } as const;
        const answer = traced(`answer ${subject}`, options, (span) => this.#respond(message, call, span));
        this.#answering.add(answer);
        void answer.finally(() => this.#answering.delete(answer));
      },
    });
  }

  /** Never rejects: a failure is an answer too. */
  async #respond(message: Msg, call: (data: unknown) => Promise<unknown>, span: Span): Promise<void> {
    let reply: { answer: unknown } | { error: string };
    try {
      reply = { answer: await call(message.json()) };
    } catch (failure) {
      reply = { error: failure instanceof Error ? failure.message : 'it failed' };
      span.fail(reply.error);
    }
    try {
      message.respond(JSON.stringify(reply));
    } catch (failure) {
      this.logger.error(`answering ${message.subject} failed: ${String(failure)}`);
    }
  }
}

async function settle(result: unknown): Promise<unknown> {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}

/** Nest's default filter erases an error's class, and with it the delay of a `RetryLater`: bind this one to every controller of handlers. */
@Catch()
export class KeepErrorClass implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
