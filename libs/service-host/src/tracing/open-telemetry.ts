import { randomUUID } from 'node:crypto';
import {
  context,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind as Kind,
  SpanStatusCode,
  trace,
  type Context,
  type Span as OpenTelemetrySpan,
  type SpanOptions as OpenTelemetrySpanOptions,
  type Tracer as OpenTelemetryTracer,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { PastSpan, Span, SpanKind, SpanOptions, TraceContext, Tracer } from '@dtm/tracing';
import type { TracingConfig } from '../config/tracing.ts';
import { exporterOf } from './exporter.ts';
import { samplerOf } from './sampler.ts';

/** Tells a collector of spans. */
export interface RunningTracer extends Tracer {
  /** Sends what is left; resolves after so many milliseconds at the latest, whatever the collector does. */
  end(withinMs: number): Promise<void>;
}

/** Spans of one name below one span at most; more are counted only, as a scan may ask for thousands of tags. */
const SAME_CHILDREN = 100;
/** A collector that is away is spoken of so often at most. */
const COMPLAIN_EVERY_MS = 60_000;

const KINDS: Readonly<Record<SpanKind, Kind>> = {
  internal: Kind.INTERNAL,
  server: Kind.SERVER,
  client: Kind.CLIENT,
  producer: Kind.PRODUCER,
  consumer: Kind.CONSUMER,
};

const W3C = new W3CTraceContextPropagator();

/** Begins to send spans; `onProblem` hears, once a minute at most, that this does not succeed. */
export function startOpenTelemetry(
  config: TracingConfig,
  service: { name: string; version: string },
  onProblem: (words: string) => void,
): RunningTracer {
  listenForProblems(onProblem);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const resource = defaultResource().merge(
    resourceFromAttributes({
      'service.namespace': 'docker-tag-monitor',
      'service.version': service.version,
      'service.instance.id': randomUUID(),
      'service.name': service.name,
      ...config.resourceAttributes,
      ...(config.serviceName === null ? {} : { 'service.name': config.serviceName }),
    }),
  );
  const processor = new BatchSpanProcessor({
    exporter: exporterOf(config),
    scheduledDelayMillis: config.delayMs,
    maxQueueSize: config.queue,
  });
  const provider = new TracerProvider({ resource, sampler: samplerOf(config), spanProcessors: [processor] });
  return new OpenTelemetry(provider, provider.getTracer('docker-tag-monitor', service.version));
}

class OpenTelemetry implements RunningTracer {
  readonly #provider: TracerProvider;
  readonly #tracer: OpenTelemetryTracer;
  /** How many children of each name a span has. */
  readonly #children = new WeakMap<OpenTelemetrySpan, Map<string, number>>();

  constructor(provider: TracerProvider, tracer: OpenTelemetryTracer) {
    this.#provider = provider;
    this.#tracer = tracer;
  }

  span<T>(name: string, options: SpanOptions, work: (span: Span) => T): T {
    const within = contextOf(options.parent);
    if (options.parent === undefined && this.#isTooMuch(name, within)) return work(NOT_TOLD);
    const span = this.#tracer.startSpan(name, startOf(options), within);
    const shown = new Shown(span);
    let result: T;
    try {
      result = context.with(trace.setSpan(within, span), work, undefined, shown);
    } catch (error) {
      shown.end(error);
      throw error;
    }
    if (result instanceof Promise) {
      result.then(
        () => shown.end(),
        (error: unknown) => shown.end(error),
      );
    } else {
      shown.end();
    }
    return result;
  }

  note(name: string, { milliseconds, failure, ...options }: PastSpan): void {
    const within = contextOf(options.parent);
    if (options.parent === undefined && this.#isTooMuch(name, within)) return;
    const endTime = performance.timeOrigin + performance.now();
    const span = this.#tracer.startSpan(name, { ...startOf(options), startTime: endTime - milliseconds }, within);
    if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
    span.end(endTime);
  }

  context(): TraceContext | null {
    const carrier: Partial<TraceContext> = {};
    W3C.inject(context.active(), carrier, {
      set: (into: Partial<TraceContext>, key, value) => {
        if (key === 'traceparent' || key === 'tracestate') into[key] = value;
      },
    });
    const { traceparent, tracestate } = carrier;
    if (traceparent === undefined) return null;
    return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
  }

  async end(withinMs: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<null>();
    const timer = setTimeout(resolve, withinMs, null);
    try {
      // What cannot be delivered now never is: the process ends.
      await Promise.race([this.#provider.shutdown().catch(() => undefined), late]);
    } finally {
      clearTimeout(timer);
      context.disable();
      diag.disable();
    }
  }

  #isTooMuch(name: string, within: Context): boolean {
    const parent = trace.getSpan(within);
    if (parent === undefined) return false;
    let counts = this.#children.get(parent);
    if (counts === undefined) this.#children.set(parent, (counts = new Map()));
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    if (count > SAME_CHILDREN) parent.setAttribute(`dtm.left_out.${name.replaceAll(' ', '_')}`, count - SAME_CHILDREN);
    return count > SAME_CHILDREN;
  }
}

/** A span as the code that works in it sees it. */
class Shown implements Span {
  readonly #span: OpenTelemetrySpan;
  #isDiscarded = false;

  constructor(span: OpenTelemetrySpan) {
    this.#span = span;
  }

  set(attributes: Parameters<Span['set']>[0]): void {
    this.#span.setAttributes(attributes);
  }

  rename(name: string): void {
    this.#span.updateName(name);
  }

  fail(words: string): void {
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: words });
  }

  discard(): void {
    this.#isDiscarded = true;
  }

  end(error?: unknown): void {
    // One that never ends is never told of.
    if (this.#isDiscarded) return;
    if (error !== undefined) {
      this.#span.setAttribute('error.type', error instanceof Error ? error.name : typeof error);
      this.fail(error instanceof Error ? error.message : String(error));
    }
    this.#span.end();
  }
}

/** Stands in for a span beyond the bound: what is said of it must not be taken for what is said of its parent. */
const NOT_TOLD: Span = {
  set: () => undefined,
  rename: () => undefined,
  fail: () => undefined,
  discard: () => undefined,
};

function startOf({ kind = 'internal', attributes, links }: SpanOptions): OpenTelemetrySpanOptions {
  const start: OpenTelemetrySpanOptions = { kind: KINDS[kind] };
  if (attributes !== undefined) start.attributes = attributes;
  if (links !== undefined) {
    const contexts = links.map((link) => trace.getSpanContext(contextOf(link)));
    start.links = contexts.flatMap((one) => (one === undefined ? [] : [{ context: one }]));
  }
  return start;
}

function contextOf(parent: TraceContext | null | undefined): Context {
  if (parent === undefined) return context.active();
  if (parent === null) return ROOT_CONTEXT;
  return W3C.extract(ROOT_CONTEXT, parent, {
    keys: (from) => Object.keys(from),
    get: (from: TraceContext, key) => (key === 'traceparent' || key === 'tracestate' ? from[key] : undefined),
  });
}

/** The SDK keeps its troubles to itself unless somebody listens. */
function listenForProblems(onProblem: (words: string) => void): void {
  let saidAt = Number.NEGATIVE_INFINITY;
  const complain = (words: string): void => {
    if (performance.now() - saidAt < COMPLAIN_EVERY_MS) return;
    saidAt = performance.now();
    onProblem(words);
  };
  const ignore = (): void => undefined;
  setGlobalErrorHandler((error) =>
    complain(typeof error === 'string' ? error : (error.message ?? error.name ?? 'for no reason given')),
  );
  diag.setLogger(
    { error: complain, warn: complain, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
