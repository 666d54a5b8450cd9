import { spawnSync } from 'node:child_process';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgresServer } from '@dtm/embedded';
import pg from 'pg';
import { newDatabase } from './postgres.ts';

/** A real PostgreSQL server and a hot standby that streams from it. */
export interface RunningReplica {
  /** Makes an empty database and answers its url at the primary and at the replica, which may have it a moment later. */
  newDatabase(): Promise<{ primary: string; replica: string }>;
  /** Lets the replica stay behind: it goes on receiving, and shows nothing new. */
  pauseReplay(): Promise<void>;
  /** Lets it catch up. */
  resumeReplay(): Promise<void>;
  /** Ends both and removes their data. */
  stop(): Promise<void>;
}

const PASSWORD = 'test';

/** Starts both, the standby from a copy of the primary's data; never in containers. */
export async function startPostgresWithReplica(): Promise<RunningReplica> {
  const home = await mkdtemp(join(tmpdir(), 'dtm-postgres-'));
  const first = await startPostgresServer({ home, password: PASSWORD, forgetful: true });
  await first.process.stop();
  // Beside the primary's: whoever reaches the one reaches the other.
  const copy = `${first.home}-replica`;
  const copying = spawnSync('cp', ['-a', first.home, copy], { encoding: 'utf8' });
  if (copying.status !== 0) throw new Error(`cannot copy ${first.home}: ${copying.stderr}`);
  const data = join(copy, 'data');
  await writeFile(join(data, 'standby.signal'), '', { mode: 0o644 });
  const source = `host=127.0.0.1 port=${first.port} user=postgres password=${PASSWORD}`;
  await appendFile(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`);
  const primary = await startPostgresServer({ home, password: PASSWORD, port: first.port, forgetful: true });
  const replica = await startPostgresServer({ home: copy, password: PASSWORD, forgetful: true });

  const atReplica = async (text: string): Promise<unknown> => {
    const client = new pg.Client({ connectionString: replica.url });
    await client.connect();
    try {
      return Object.values((await client.query<Record<string, unknown>>(text)).rows[0] ?? {})[0];
    } finally {
      await client.end();
    }
  };
  return {
    async newDatabase() {
      const atPrimary = await newDatabase(primary.url);
      const own = new URL(atPrimary);
      own.port = String(replica.port);
      return { primary: atPrimary, replica: own.href };
    },
    async pauseReplay() {
      await atReplica('select pg_wal_replay_pause()');
      while ((await atReplica('select pg_get_wal_replay_pause_state()')) !== 'paused') {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async resumeReplay() {
      await atReplica('select pg_wal_replay_resume()');
    },
    async stop() {
      for (const server of [replica, primary]) await server.process.kill('SIGQUIT');
      for (const folder of new Set([home, primary.home, copy])) await rm(folder, { recursive: true, force: true });
    },
  };
}
