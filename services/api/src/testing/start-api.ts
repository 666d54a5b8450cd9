import { NestFactory } from '@nestjs/core';
import type { DynamicModule, Provider } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { ListenOptions } from '@dtm/read-model';
import { HostModule, loadConfig, type DatabaseConfig } from '@dtm/service-host';
import { ApiModule } from '../api-module.ts';
import { Bus } from '../bus/bus.ts';
import { configureHttp } from '../http/configure.ts';
import { LISTEN } from '../live/live-feed.ts';
import { READ_MODEL } from '../read-model/read-model-provider.ts';
import { FakeBus } from './fake-bus.ts';
import { FakeReadModel } from './fake-read-model.ts';

/** A running api whose stores are fakes. */
export interface TestApi {
  url: string;
  readModel: FakeReadModel;
  bus: FakeBus;
  /** As the projector's transaction would. */
  notify: ListenOptions['onNotify'];
  /** As where the connection for notifications was lost, and is there again. */
  listenAnew(): void;
  get(path: string, init?: RequestInit): Promise<Response>;
  post(path: string, body: unknown): Promise<Response>;
  /** Every route of a controller, as `get /healthz`. */
  routes(): string[];
  stop(): Promise<void>;
}

/** Starts the api as in production, but for its process. */
export async function startWithStores(env: NodeJS.ProcessEnv): Promise<{ url: string; stop(): Promise<void> }> {
  const config = loadConfig('api', { LOG_LEVEL: 'silent', ...env });
  return listenOn(config, ApiModule.forRoot(config));
}

/** Starts the api with everything around it as in production, its stores aside. */
export async function startApi(env: NodeJS.ProcessEnv = {}): Promise<TestApi> {
  const config = loadConfig('api', {
    LOG_LEVEL: 'silent',
    NATS_URL: 'nats://none',
    DATABASE_URL: 'postgres://none/none',
    ...env,
  });
  const readModel = new FakeReadModel();
  const bus = new FakeBus();
  let notify: ListenOptions['onNotify'] = () => undefined;
  let listening: ListenOptions['onListening'];
  const listen = (options: ListenOptions): Promise<void> => {
    notify = options.onNotify;
    listening = options.onListening;
    options.onListening?.();
    return Promise.resolve();
  };
  const module = replace(ApiModule.forRoot(config), [
    { provide: READ_MODEL, useValue: readModel },
    { provide: Bus, useValue: bus },
    { provide: LISTEN, useValue: listen },
  ]);
  const { app, url, stop } = await listenOn(config, module);
  return {
    url,
    readModel,
    bus,
    notify: (channel, payload) => notify(channel, payload),
    listenAnew: () => listening?.(),
    get: (path, init) => fetch(`${url}${path}`, init),
    post: (path, body) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    routes: () => routesOf(app),
    stop,
  };
}

async function listenOn(
  config: DatabaseConfig,
  module: DynamicModule,
): Promise<{ app: NestExpressApplication; url: string; stop(): Promise<void> }> {
  const app = await NestFactory.create<NestExpressApplication>(HostModule.forRoot(config, module), {
    logger: false,
    bodyParser: false,
    forceCloseConnections: true,
  });
  configureHttp(app, config);
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl(), stop: () => app.close() };
}

function replace(module: DynamicModule, by: { provide: unknown; useValue: unknown }[]): DynamicModule {
  const tokens = by.map(({ provide }) => provide);
  const kept = (module.providers ?? []).filter(
    (one) => !tokens.includes(typeof one === 'object' && 'provide' in one ? one.provide : one),
  );
  return { ...module, providers: [...kept, ...(by as Provider[])] };
}

interface Layer {
  route?: { path: string; methods: Record<string, boolean> };
}

function routesOf(app: NestExpressApplication): string[] {
  const { router } = app.getHttpAdapter().getInstance() as unknown as { router: { stack: Layer[] } };
  return router.stack.flatMap(({ route }) =>
    route === undefined ? [] : Object.keys(route.methods).map((method) => `${method} ${route.path}`),
  );
}
