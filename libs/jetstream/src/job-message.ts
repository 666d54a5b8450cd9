import type { NatsConnection } from '@nats-io/transport-node';
import type { PulledMessage } from './pulled-message.ts';

/** So many signs of life in the time after which the server would give a job away. */
const SIGNS_OF_LIFE = 3;
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 60_000;
/** A registry that names a time beyond it, or a clock that is off, must not park a job for good. */
export const LONGEST_WAIT_MS = 24 * 3600 * 1000;

/** Thrown by a handler: try again, not before the time has passed (24 hours at most). */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  readonly delayMs: number;
  constructor(message: string, delayMs: number, options?: ErrorOptions) {
    super(message, options);
    // In whole milliseconds: the server takes a delay with a fraction for none at all.
    this.delayMs = Math.max(0, Math.ceil(delayMs));
  }
}

/**
 * Works on a message, with signs of life while that lasts: it is acknowledged when the work is done, and given back where it
 * fails, after the time that was asked for or an ever longer one. Rejects with what the work rejects with.
 */
export async function workOn(
  nc: NatsConnection,
  message: PulledMessage,
  ackWaitMs: number,
  work: () => Promise<void>,
): Promise<void> {
  const working = setInterval(() => {
    if (!nc.isClosed()) message.working();
  }, ackWaitMs / SIGNS_OF_LIFE);
  try {
    await work();
    message.ack();
  } catch (error) {
    message.nak(delayAfter(error, message.delivery));
    throw error;
  } finally {
    clearInterval(working);
  }
}

function delayAfter(error: unknown, delivery: number): number {
  if (error instanceof RetryLater && Number.isFinite(error.delayMs)) return Math.min(error.delayMs, LONGEST_WAIT_MS);
  return Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(delivery, 10), LONGEST_BACKOFF_MS);
}
