export {
  isTracing,
  noteSpan,
  traceContext,
  traced,
  useTracer,
  type PastSpan,
  type Span,
  type SpanAttributes,
  type SpanKind,
  type SpanOptions,
  type Tracer,
} from './tracing.ts';
export { logFields, readTraceContext, type TraceContext } from './trace-context.ts';
