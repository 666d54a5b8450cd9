import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

export interface LockSettings {
  /** `postgresql://user:password@host:port/database` */
  url: string;
  /** Shown in pg_stat_activity. */
  name: string;
  /** What is locked: the same text, the same lock. */
  subject: string;
  /** Called once when somebody else holds it. */
  onWaiting?: () => void;
  /** Ends the waiting. */
  signal: AbortSignal;
}

/** A lock that its holder's death gives back by itself, as it hangs on a connection. */
export interface HeldLock {
  /** Aborted when the connection, and so the lock, is lost. */
  lost: AbortSignal;
  release(): Promise<void>;
}

const RETRY_MS = 500;

/** Waits for a lock and takes it; null where the signal ended the waiting. Rejects where PostgreSQL does not answer. */
export async function takeLock(settings: LockSettings): Promise<HeldLock | null> {
  const client = new pg.Client({
    connectionString: settings.url,
    application_name: settings.name,
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
  });
  const lost = new AbortController();
  const lose = (): void => lost.abort(new Error('the connection to PostgreSQL is lost'));
  client.on('error', lose);
  client.on('end', lose);
  const release = async (): Promise<void> => {
    await client.end().catch(() => undefined);
  };
  try {
    await client.connect();
    for (let waited = false; !settings.signal.aborted; waited = true) {
      const { rows } = await client.query<{ taken: boolean }>(
        `select pg_try_advisory_lock(hashtext('docker-tag-monitor'), hashtext($1)) as taken`,
        [settings.subject],
      );
      if (rows[0]?.taken === true) return { lost: lost.signal, release };
      if (!waited) settings.onWaiting?.();
      await pause(RETRY_MS, undefined, { signal: settings.signal }).catch(() => undefined);
    }
  } catch (error) {
    await release();
    throw error;
  }
  await release();
  return null;
}
