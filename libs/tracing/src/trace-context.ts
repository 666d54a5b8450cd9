/** A place in a trace, as the headers of W3C Trace Context carry it from one process to the next. */
export interface TraceContext {
  traceparent: string;
  tracestate?: string;
}

/** `00-<trace id>-<span id>-<flags>`; ids of zeros alone are none. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** What the specification asks to be passed on. */
const LONGEST_STATE = 512;

/** Reads a context from headers, by their lower-case names; null where there is none, or none that is well-formed. */
export function readTraceContext(header: (name: string) => string | undefined): TraceContext | null {
  const traceparent = header('traceparent');
  if (traceparent === undefined || !TRACEPARENT.test(traceparent)) return null;
  const tracestate = header('tracestate');
  const isGiven = tracestate !== undefined && tracestate !== '' && tracestate.length <= LONGEST_STATE;
  return isGiven ? { traceparent, tracestate } : { traceparent };
}

/** What a log line says of it, by the names that OpenTelemetry gives these fields in JSON. */
export function logFields({ traceparent }: TraceContext): { trace_id: string; span_id: string } {
  const [, traceId = '', spanId = ''] = traceparent.split('-');
  return { trace_id: traceId, span_id: spanId };
}
