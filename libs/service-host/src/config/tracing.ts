import type { TRACING_VARIABLES } from './tracing-variables.ts';
import type { Variable } from './variable.ts';

type Variables = typeof TRACING_VARIABLES;
export type TracingValues = { [K in keyof Variables]: Variables[K] extends Variable<infer T> ? T : never };

/** Where traces are sent, and which. */
export interface TracingConfig {
  /** Whole address that spans are posted to. */
  url: string;
  protocol: 'http/protobuf' | 'http/json';
  headers: Readonly<Record<string, string>>;
  /** Null: the service's own. */
  serviceName: string | null;
  resourceAttributes: Readonly<Record<string, string>>;
  sampler: TracingValues['tracesSampler'];
  /** From 0 to 1. */
  samplerRatio: number;
  /** Milliseconds for which spans are gathered. */
  delayMs: number;
  /** Spans that wait at most. */
  queue: number;
}

const DEFAULT_ENDPOINT = 'http://localhost:4318/';
const TRACES_PATH = 'v1/traces';

/** Null where nobody asked for traces: the specification's default of a collector on this machine has to be asked for here. */
export function tracingOf(values: TracingValues): TracingConfig | null {
  const { otlpEndpoint, otlpTracesEndpoint, tracesExporter, otelDisabled } = values;
  const isAskedFor = tracesExporter === 'otlp' || otlpEndpoint !== null || otlpTracesEndpoint !== null;
  if (otelDisabled || tracesExporter === 'none' || !isAskedFor) return null;
  return {
    url: otlpTracesEndpoint ?? `${(otlpEndpoint ?? DEFAULT_ENDPOINT).replace(/\/?$/, '/')}${TRACES_PATH}`,
    protocol: values.otlpTracesProtocol ?? values.otlpProtocol,
    headers: { ...values.otlpHeaders, ...values.otlpTracesHeaders },
    serviceName: values.otelServiceName,
    resourceAttributes: values.otelResourceAttributes ?? {},
    sampler: values.tracesSampler,
    samplerRatio: values.tracesSamplerArg,
    delayMs: values.spanDelayMs,
    queue: values.spanQueue,
  };
}
