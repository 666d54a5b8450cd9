import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DynamicModule } from '@nestjs/common';
import { Logger, LoggerModule, PinoLogger, type Params } from 'nestjs-pino';
import { destination, type DestinationStream, type LevelWithSilent } from 'pino';
import pretty from 'pino-pretty';
import { isTracing, logFields, traceContext } from '@dtm/tracing';
import type { Config } from '../config/config.ts';
import { isProbe } from '../http/probes.ts';
import { ServiceLogger } from './service-logger.ts';

/** Logging of a service to stdout: JSON objects or lines for people, never headers, cookies or bodies. */
export function loggingModule(config: Config): DynamicModule {
  return LoggerModule.forRoot(loggingOf(config));
}

/** The same, for what is said while the application is being made: that takes as long as NATS is away. */
export function firstLogger(config: Config): ServiceLogger {
  const params = loggingOf(config);
  return new ServiceLogger(new Logger(new PinoLogger(params), params));
}

function loggingOf(config: Config): Params {
  return {
    pinoHttp: [
      {
        level: config.logLevel,
        base: { service: config.service },
        timestamp: () => `,"time":"${new Date().toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
        ...(isTracing() ? { mixin: traceFields } : {}),
        // It has one by then.
        genReqId: (request) => request.id,
        autoLogging: { ignore: (request) => isProbe(request.url) },
        customLogLevel: levelOf,
        customSuccessMessage: requestLine,
        customErrorMessage: requestLine,
        // Where something broke, that was logged by whoever saw it; here the stack would be the logger's own.
        customErrorObject: (_request, _response, _error, { err: _, ...rest }: Record<string, unknown>) => rest,
        quietReqLogger: true,
        serializers: {
          req: (request: { id: unknown; method: string; url: string }) => ({
            id: request.id,
            method: request.method,
            url: request.url,
          }),
          res: (response: { statusCode: number }) => ({ statusCode: response.statusCode }),
        },
      },
      stream(config),
    ],
  };
}

/** Written at once instead of in a worker: the last lines before an exit are those that matter. */
function stream(config: Config): DestinationStream {
  if (config.logFormat === 'json') return destination({ dest: 1, sync: true });
  return pretty({
    sync: true,
    colorize: process.stdout.isTTY,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname,service,context,reqId,req,res,responseTime',
    messageFormat: (log, messageKey) => `${String(log['service'])}: ${String(log[messageKey])}`,
  });
}

/** The trace that a line belongs to. */
function traceFields(): object {
  const context = traceContext();
  return context === null ? {} : logFields(context);
}

function levelOf(_request: IncomingMessage, { statusCode }: ServerResponse, error?: Error): LevelWithSilent {
  if (statusCode === 503) return 'warn';
  return statusCode >= 500 || error !== undefined ? 'error' : 'debug';
}

function requestLine({ method, url }: IncomingMessage, { statusCode }: ServerResponse): string {
  return `${String(method)} ${String(url)}: ${statusCode}`;
}
