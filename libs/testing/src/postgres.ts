import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgresServer } from '@dtm/embedded';
import pg from 'pg';
import { testBackend } from './backend.ts';
import { startPostgresContainer } from './containers.ts';

/** A real PostgreSQL server (UTF-8, UTC), on a free port of 127.0.0.1. */
export interface RunningPostgres {
  /** Of the database `postgres`, as superuser. */
  readonly url: string;
  /** Makes an empty database and answers its url. */
  newDatabase(): Promise<string>;
  /** Starts it again on the same port with the same data, stopping it first if it runs. */
  restart(): Promise<void>;
  /** Ends it the hard way (default SIGKILL); the data stay, `restart()` brings it back. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** Starts a real PostgreSQL server with an empty cluster. */
export async function startPostgres(): Promise<RunningPostgres> {
  if ((await testBackend()) === 'containers') return startPostgresContainer();
  const home = await mkdtemp(join(tmpdir(), 'dtm-postgres-'));
  const password = 'test';
  let running = await startPostgresServer({ home, password, forgetful: true });
  const { url, port } = running;
  return {
    url,
    newDatabase: () => newDatabase(url),
    async restart() {
      await running.process.stop();
      running = await startPostgresServer({ home, password, port, forgetful: true });
    },
    async kill(signal = 'SIGKILL') {
      await running.process.kill(signal);
    },
    async stop() {
      // Immediate shutdown: the postmaster takes its backends along, and these data are not missed.
      await running.process.kill('SIGQUIT');
      for (const folder of new Set([home, running.home])) await rm(folder, { recursive: true, force: true });
    },
  };
}

let databases = 0;

/** Makes an empty database on the server at `url` and answers the url of it. */
export async function newDatabase(url: string): Promise<string> {
  const name = `test_${process.pid}_${Date.now().toString(36)}_${++databases}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database ${name}`);
  } finally {
    await client.end();
  }
  const own = new URL(url);
  own.pathname = `/${name}`;
  return own.href;
}
