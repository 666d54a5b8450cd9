import { RequestError, type NatsConnection } from '@nats-io/transport-node';

const LISTENERS = new WeakMap<NatsConnection, Set<() => void>>();

/**
 * Calls the listener each time the connection is back, and when it is closed for good; returns what ends that. What was
 * asked of the server before is lost by then, and waiting for it would only wait for a timeout.
 */
export function onReconnect(nc: NatsConnection, listener: () => void): () => void {
  let listeners = LISTENERS.get(nc);
  if (listeners === undefined) {
    listeners = new Set();
    LISTENERS.set(nc, listeners);
    void watch(nc, listeners);
  }
  const all = listeners;
  all.add(listener);
  return () => void all.delete(listener);
}

/** One for each connection: an iteration of its status cannot be ended before the connection is. */
async function watch(nc: NatsConnection, listeners: ReadonlySet<() => void>): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === 'reconnect') for (const listener of [...listeners]) listener();
  }
  for (const listener of [...listeners]) listener();
}

/**
 * The work's result, unless the connection is made anew meanwhile: then it rejects at once, as the answer is most likely
 * lost, and waiting for it would only wait for a timeout. Whether the server did the work is unknown then.
 */
export function unlessReconnected<T>(nc: NatsConnection, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = onReconnect(nc, () => reject(new RequestError('the connection was lost before the answer came')));
    void work.then(resolve, reject).finally(forget);
  });
}
