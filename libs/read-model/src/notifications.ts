import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

/** Channels that the projector's transactions notify. */
export const CHANNELS = {
  /** Payload: the highest history sequence of the batch. */
  history: 'history',
  /** Payload: JSON of a `ScanMessage`. */
  scan: 'scan',
} as const;

export type Channel = keyof typeof CHANNELS;

export interface ListenOptions {
  /** `postgresql://user:password@host:port/database` */
  url: string;
  /** Shown in pg_stat_activity. */
  name: string;
  onNotify: (channel: Channel, payload: string) => void;
  /** Called whenever it listens, the first time and after each reconnection: what came in between must be read up. */
  onListening?: () => void;
  /** Told in words when the connection is lost. */
  onProblem?: (text: string) => void;
  /** Ends the listening. */
  signal: AbortSignal;
}

const RETRY_MS = 500;
/** Nothing is sent on a connection that only listens, and systems probe a silent one after two hours by default. */
const KEEPALIVE_MS = 30_000;

/** Listens on a connection of its own until the signal says stop; reconnects by itself. */
export async function listen(options: ListenOptions): Promise<void> {
  while (!options.signal.aborted) {
    try {
      await listenOnce(options);
    } catch (error) {
      options.onProblem?.(`listening to PostgreSQL: ${error instanceof Error ? error.message : String(error)}`);
    }
    await pause(RETRY_MS, undefined, { signal: options.signal }).catch(() => undefined);
  }
}

async function listenOnce({ url, name, signal, onNotify, onListening }: ListenOptions): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    application_name: name,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    connectionTimeoutMillis: 5_000,
  });
  const ended = new Promise<void>((resolve, reject) => {
    client.on('error', reject);
    client.on('end', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  ended.catch(() => undefined);
  client.on('notification', ({ channel, payload }) => {
    if (channel === CHANNELS.history || channel === CHANNELS.scan) onNotify(channel, payload ?? '');
  });
  try {
    await client.connect();
    await client.query(`listen ${CHANNELS.history}; listen ${CHANNELS.scan}`);
    onListening?.();
    await ended;
  } finally {
    await client.end().catch(() => undefined);
  }
}
