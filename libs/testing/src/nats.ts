import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNatsServer, freePort, startNatsServer } from '@dtm/embedded';
import { testBackend } from './backend.ts';
import { startNatsContainer } from './containers.ts';

/** A real NATS server with JetStream, on a free port of 127.0.0.1. */
export interface RunningNats {
  readonly url: string;
  readonly port: number;
  /** Where its streams are; empty string where the server runs in a container. */
  readonly storeDir: string;
  /** Such as `2.9.10`. */
  readonly version: string;
  /** Starts it again on the same port with the same store, stopping it first if it runs. */
  restart(): Promise<void>;
  /** Ends it the hard way (default SIGKILL); the store stays, `restart()` brings it back. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends it and removes its store. */
  stop(): Promise<void>;
}

export interface NatsOptions {
  /** More lines for the server's configuration. */
  readonly config?: string;
  /** Another nats-server than the one found; never in a container then. */
  readonly binary?: string;
}

/** Starts a real NATS server with JetStream and an empty store. */
export async function startNats(options: NatsOptions = {}): Promise<RunningNats> {
  if (options.binary === undefined && (await testBackend()) === 'containers') {
    return startNatsContainer(options.config);
  }
  const binary = options.binary ?? findNatsServer();
  if (binary === undefined) {
    throw new Error(
      'These tests need nats-server: install it (Debian: apt-get install nats-server) or set NATS_SERVER_BIN',
    );
  }
  const storeDir = await mkdtemp(join(tmpdir(), 'dtm-nats-'));
  const start = (port: number) =>
    startNatsServer({ storeDir, binary, port, ...(options.config === undefined ? {} : { extra: options.config }) });
  let running = await start(await freePort());
  return {
    url: running.url,
    port: running.port,
    storeDir,
    version: running.version,
    async restart() {
      await running.process.stop();
      running = await start(running.port);
    },
    async kill(signal = 'SIGKILL') {
      await running.process.kill(signal);
    },
    async stop() {
      await running.process.kill('SIGKILL');
      await rm(storeDir, { recursive: true, force: true });
    },
  };
}
