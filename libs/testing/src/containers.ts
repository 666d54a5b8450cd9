import { setTimeout as sleep } from 'node:timers/promises';
import { GenericContainer, getContainerRuntimeClient, Wait, type StartedTestContainer } from 'testcontainers';
import pg from 'pg';
import { freePort, natsConfiguration } from '@dtm/embedded';
import { IMAGES } from './backend.ts';
import type { RunningNats } from './nats.ts';
import { newDatabase, type RunningPostgres } from './postgres.ts';
import type { RegistryAuth, RegistryServer } from './registry.ts';

/** What a server in a container has in common: the same port after a restart, and a rough end. */
interface Contained {
  readonly port: number;
  restart(): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
}

async function start(
  container: GenericContainer,
  innerPort: number,
): Promise<Contained & { started: StartedTestContainer }> {
  const port = await freePort();
  const started = await container.withExposedPorts({ container: innerPort, host: port }).start();
  return {
    port,
    started,
    restart: () => started.restart(),
    async kill(signal = 'SIGKILL') {
      // Not by testcontainers' own stop, after which it would regard the container as gone and never remove it.
      const { container: engine } = await getContainerRuntimeClient();
      const running = engine.getById(started.getId());
      await running.kill({ signal });
      await running.wait();
    },
    async stop() {
      await started.stop({ remove: true, removeVolumes: true, timeout: 0 });
    },
  };
}

/** NATS with JetStream in a container; `extra`: more lines for its configuration. */
export async function startNatsContainer(extra = ''): Promise<RunningNats> {
  // Every 2.x reads a configuration that is written for 2.9.
  const server = { version: '2.9.0', host: '0.0.0.0', port: 4222, storeDir: '/data', durable: false };
  const container = new GenericContainer(IMAGES.nats)
    .withCopyContentToContainer([{ content: natsConfiguration({ ...server, extra }), target: '/etc/nats-test.conf' }])
    .withCommand(['-c', '/etc/nats-test.conf'])
    .withWaitStrategy(Wait.forLogMessage(/Server is ready/));
  const { started, ...contained } = await start(container, 4222);
  const { output } = await started.exec(['nats-server', '--version']);
  const version = /v?(\d+\.\d+\.\d+)/.exec(output)?.[1] ?? 'unknown';
  return { ...contained, url: `nats://127.0.0.1:${contained.port}`, storeDir: '', version };
}

/** PostgreSQL in a container. */
export async function startPostgresContainer(): Promise<RunningPostgres> {
  const container = new GenericContainer(IMAGES.postgres)
    .withEnvironment({ POSTGRES_PASSWORD: 'test', TZ: 'UTC' })
    .withWaitStrategy(Wait.forListeningPorts());
  const { started: _started, ...contained } = await start(container, 5432);
  const url = `postgresql://postgres:test@127.0.0.1:${contained.port}/postgres`;
  await untilItAnswers(url);
  return {
    ...contained,
    url,
    newDatabase: () => newDatabase(url),
    async restart() {
      await contained.restart();
      await untilItAnswers(url);
    },
  };
}

/** An open port is not enough: while it recovers, PostgreSQL refuses everybody. */
async function untilItAnswers(url: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (attempt === 300) throw error;
      await sleep(100);
    }
  }
}

/** An image registry in a container. */
export async function startRegistryContainer(auth?: RegistryAuth): Promise<RegistryServer> {
  const container = new GenericContainer(IMAGES.registry)
    .withEnvironment({ REGISTRY_STORAGE_DELETE_ENABLED: 'true' })
    .withWaitStrategy(Wait.forHttp('/v2/', 5000).forStatusCode(auth === undefined ? 200 : 401));
  if (auth !== undefined) {
    const file = '/etc/registry-test-auth';
    const settings = Object.entries({ ...auth.settings, [auth.file.setting]: file });
    const prefix = `REGISTRY_AUTH_${auth.kind.toUpperCase()}_`;
    container
      .withEnvironment({ REGISTRY_AUTH: auth.kind })
      .withEnvironment(Object.fromEntries(settings.map(([key, value]) => [prefix + key.toUpperCase(), value])))
      .withCopyContentToContainer([{ content: auth.file.content, target: file }]);
  }
  const { started: _started, ...contained } = await start(container, 5000);
  return { ...contained, host: `127.0.0.1:${contained.port}` };
}
