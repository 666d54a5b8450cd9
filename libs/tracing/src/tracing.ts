import type { TraceContext } from './trace-context.ts';

/** Whether a span asks another process, answers one, or leaves and takes messages; `internal` is none of these. */
export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  /** Default `internal`. */
  kind?: SpanKind;
  attributes?: SpanAttributes;
  /** What it is a child of. Absent: the span that is under way here. Null: of nothing, it begins a trace. */
  parent?: TraceContext | null;
  /** Other spans that led to it. */
  links?: readonly TraceContext[];
}

/** A span that is known only when it is over. */
export interface PastSpan extends SpanOptions {
  /** How long it took; it ends now. */
  milliseconds: number;
  /** Why it failed, in words. */
  failure?: string;
}

/** A span under way. */
export interface Span {
  set(attributes: SpanAttributes): void;
  /** For what is known only later; names are kinds of work, never what is worked on. */
  rename(name: string): void;
  /** Marks it as failed, in words. What is thrown out of it does that by itself. */
  fail(words: string): void;
  /** Tells nobody of it: it turned out to be nothing. */
  discard(): void;
}

/** Who is told of spans. */
export interface Tracer {
  span<T>(name: string, options: SpanOptions, work: (span: Span) => T): T;
  note(name: string, span: PastSpan): void;
  context(): TraceContext | null;
}

const NO_SPAN: Span = {
  set: () => undefined,
  rename: () => undefined,
  fail: () => undefined,
  discard: () => undefined,
};

let tracer: Tracer | null = null;

/** Names who is told of the spans of this process; null, as it is at first: nobody, at no cost. */
export function useTracer(used: Tracer | null): void {
  tracer = used;
}

/** Whether anybody is told: for what would cost something otherwise. */
export function isTracing(): boolean {
  return tracer !== null;
}

/** Works within a span, which ends when the work does: where it is a promise, when that settles. */
export function traced<T>(name: string, options: SpanOptions, work: (span: Span) => T): T {
  return tracer === null ? work(NO_SPAN) : tracer.span(name, options, work);
}

/** Tells of a span that has just ended. */
export function noteSpan(name: string, span: PastSpan): void {
  tracer?.note(name, span);
}

/** Where in its trace the caller is, for what it sends on; null where nobody traces. */
export function traceContext(): TraceContext | null {
  return tracer === null ? null : tracer.context();
}
