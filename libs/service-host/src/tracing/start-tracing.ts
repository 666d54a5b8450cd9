import { Logger } from '@nestjs/common';
import { useTracer } from '@dtm/tracing';
import type { Config } from '../config/config.ts';
import { VERSION } from '../run/version.ts';
import type { RunningTracer } from './open-telemetry.ts';

/** Traces from here on where the configuration asks for it; null where it does not: then nothing of it is even loaded. */
export async function startTracing({
  tracing,
  service,
}: Pick<Config, 'tracing' | 'service'>): Promise<RunningTracer | null> {
  if (tracing === null) return null;
  const { startOpenTelemetry } = await import('./open-telemetry.ts');
  const log = new Logger('traces');
  const onProblem = (words: string): void => log.warn(`traces are not delivered: ${words}`);
  const tracer = startOpenTelemetry(tracing, { name: service, version: VERSION }, onProblem);
  useTracer(tracer);
  return tracer;
}
