import { Global, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats, type ConnectionSettings } from './connection.ts';
import { ensureStreams } from './streams.ts';
import { atMost } from './waiting.ts';

/** Injects the service's `NatsConnection`; streams and buckets exist by then. */
export const NATS = Symbol('NatsConnection');

const END_MS = 2_000;
const CHECK_MS = 2_000;

/** Closes the connection after everything that uses it has ended. */
class ConnectionEnd implements OnApplicationShutdown {
  readonly #nc: NatsConnection;
  constructor(nc: NatsConnection) {
    this.#nc = nc;
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.#nc.isClosed()) return;
    // Draining waits for what is buffered; a server that is away must not hold up the end.
    await atMost(END_MS, this.#nc.drain());
    // Where draining failed, the connection would be made anew for ever, and keep the process alive.
    if (!this.#nc.isClosed()) await atMost(END_MS, this.#nc.close());
  }
}

/** One connection for the whole service, under `NATS`. */
@Global()
@Module({})
export class JetStreamModule {
  static forRoot(settings: ConnectionSettings & { replicas: 1 | 3 }): DynamicModule {
    return {
      module: JetStreamModule,
      providers: [
        {
          provide: NATS,
          useFactory: async (): Promise<NatsConnection> => {
            const nc = await connectNats(settings);
            try {
              await ensureStreams(nc, { replicas: settings.replicas });
            } catch (error) {
              // An open connection would keep the process alive that cannot start.
              await nc.close();
              throw error;
            }
            return nc;
          },
        },
        { provide: ConnectionEnd, useFactory: (nc: NatsConnection) => new ConnectionEnd(nc), inject: [NATS] },
      ],
      exports: [NATS],
    };
  }
}

/** A readiness check: rejects while the connection is lost. */
export async function checkNats(nc: NatsConnection): Promise<void> {
  if (nc.isClosed()) throw new Error('the connection to NATS is closed');
  // Without a bound it would wait for the reconnect.
  const flushed = nc.flush();
  if (!(await atMost(CHECK_MS, flushed))) throw new Error(`NATS does not answer within ${CHECK_MS / 1000} s`);
  await flushed;
}
