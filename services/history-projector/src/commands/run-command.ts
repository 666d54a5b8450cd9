import { connectNats, type NatsConnection } from '@dtm/jetstream';
import { Database } from '@dtm/read-model';
import { ConfigError, loadConfig, type DatabaseConfig } from '@dtm/service-host';
import { ForeignStream } from '../projection/open-checkpoints.ts';
import { Refused } from '../recovery/refused.ts';

/** What a command works with. */
export interface Stores {
  config: DatabaseConfig;
  database: Database;
  nc: NatsConnection;
}

/** What a command has to say last, and its exit code: 1 says that something is wrong with the data. */
export interface Outcome {
  words: string;
  code: 0 | 1;
}

/** Connects, runs a command, prints what came of it as one sentence, and sets the exit code. */
export async function runCommand(run: (stores: Stores) => Promise<Outcome>): Promise<void> {
  try {
    const { words, code } = await withStores(run);
    process.stdout.write(`${words}\n`);
    process.exitCode = code;
  } catch (error) {
    process.stderr.write(`${wordsOf(error)}\n`);
    process.exitCode = 1;
  }
}

async function withStores(run: (stores: Stores) => Promise<Outcome>): Promise<Outcome> {
  const config = loadConfig('history-projector');
  const tell = (text: string): void => void process.stderr.write(`${text}\n`);
  // The projector's name lets its NATS user run what only reads; restoring needs the operator's.
  const nc = await connectNats({ url: config.natsUrl, name: 'history-projector', onStatus: tell });
  const database = new Database({ url: config.databaseUrl, name: 'recovery', onProblem: tell });
  try {
    return await run({ config, database, nc });
  } finally {
    await database.close();
    await nc.close();
  }
}

function wordsOf(error: unknown): string {
  const told = error instanceof Refused || error instanceof ConfigError || error instanceof ForeignStream;
  if (error instanceof Error && error.message === 'stream not found') {
    return 'A stream is missing in this NATS. If it was lost, run "npm run restore-history"; else correct NATS_URL.';
  }
  if (told || !(error instanceof Error)) return error instanceof Error ? error.message : String(error);
  return error.stack ?? error.message;
}
