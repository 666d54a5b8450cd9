import 'reflect-metadata';
import type { DynamicModule, LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ConfigError, loadConfig, type ConfigOf, type ServiceName } from '../config/config.ts';
import { firstLogger } from '../logging/logging.ts';
import { ServiceLogger } from '../logging/service-logger.ts';
import type { RunningTracer } from '../tracing/open-telemetry.ts';
import { startTracing } from '../tracing/start-tracing.ts';
import { HostModule } from './host-module.ts';

/** How long a service may take to end its work; what is not done then is done again by whoever comes next. */
const DRAIN_DEADLINE_MS = 12_000;
/** How long the last spans may take of it: a collector that is away must not make an end look like a failure. */
const LAST_SPANS_MS = 2_000;

export interface ServiceDefinition<S extends ServiceName> {
  name: S;
  /** Read beforehand; by default `loadConfig(name)`. */
  config?: ConfigOf<S>;
  /** The service itself; `CONFIG`, `Readiness`, `Metrics` and the logger can be injected everywhere in it. */
  module: (config: ConfigOf<S>) => DynamicModule;
  /** Before it listens: middleware, pipes, filters, `app.connectMicroservice(...)`. */
  configure?: (app: NestExpressApplication, config: ConfigOf<S>) => void | Promise<void>;
  /** On the way down, before connections are closed: stop taking work, end what is under way. */
  drain?: (app: NestExpressApplication) => Promise<void>;
}

/**
 * Runs a service until SIGTERM, SIGINT or the parent's end: reads its config, starts it, listens, drains, exits. A wrong
 * configuration is told in one line a variable and ends with exit code 1. A parent that forked it hears `{ up, port }`.
 */
export async function runService<S extends ServiceName>(service: ServiceDefinition<S>): Promise<void> {
  const config = service.config ?? orExit(service.name, () => loadConfig(service.name));
  const tracer = await startTracing(config);
  // Files that the configuration names may be read only now.
  const module = orExit(service.name, () => service.module(config));
  const app = await NestFactory.create<NestExpressApplication>(HostModule.forRoot(config, module), {
    // Not held back until it is made: it waits for NATS, and must say so.
    logger: firstLogger(config),
    // The api sets its own limits; no other service reads a body.
    bodyParser: false,
    // Event streams and idle keep-alive connections would hold the end up.
    forceCloseConnections: true,
    // Without it Nest ends the process by itself and the reason is lost.
    abortOnError: false,
  }).catch((error: unknown) => fail(service.name, 'cannot start', error));
  const logger = app.get(ServiceLogger);
  app.useLogger(logger);
  app.disable('x-powered-by');
  endWith(service, app, logger, tracer);
  try {
    await service.configure?.(app, config);
    await app.listen(config.port);
    await app.startAllMicroservices();
  } catch (error) {
    fail(service.name, 'cannot start', error);
  }
  const port = portOf(app);
  logger.log(`up on port ${port}`);
  process.send?.({ up: service.name, port });
}

function orExit<T>(name: ServiceName, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const fault of error.faults) process.stderr.write(`${name}: ${fault}\n`);
    process.exit(1);
  }
}

function fail(name: string, what: string, error: unknown): never {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const known = code === 'EADDRINUSE' || code === 'EACCES' || code === 'ECONNREFUSED';
  const words = error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`${name}: ${what}: ${words}\n`);
  process.exit(1);
}

function endWith<S extends ServiceName>(
  service: ServiceDefinition<S>,
  app: NestExpressApplication,
  logger: LoggerService,
  tracer: RunningTracer | null,
): void {
  let ending = false;
  const end = (why: string): void => {
    if (ending) return;
    ending = true;
    logger.log(`drains (${why})`);
    const deadline = performance.now() + DRAIN_DEADLINE_MS;
    setTimeout(
      () => fail(service.name, `not drained within ${DRAIN_DEADLINE_MS / 1000} s`, why),
      DRAIN_DEADLINE_MS,
    ).unref();
    drainAndClose(service, app).then(
      async () => {
        // Half of what is left: the process must be gone before the deadline.
        await tracer?.end(Math.min(LAST_SPANS_MS, (deadline - performance.now()) / 2));
        logger.log('down');
        process.exit(0);
      },
      (error: unknown) => fail(service.name, 'cannot drain', error),
    );
  };
  // An interrupt at the terminal reaches parent and child alike, so a second signal within the drain is no impatience.
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));
  process.on('disconnect', () => end('parent is gone'));
  // A parent that was killed leaves pipes without a reader; the drain goes on without a log.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  process.on('uncaughtException', (error) => fail(service.name, 'broken', error));
  process.on('unhandledRejection', (error) => fail(service.name, 'broken', error));
}

async function drainAndClose<S extends ServiceName>(
  service: ServiceDefinition<S>,
  app: NestExpressApplication,
): Promise<void> {
  await service.drain?.(app);
  await app.close();
}

function portOf(app: NestExpressApplication): number {
  const address = app.getHttpServer().address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
