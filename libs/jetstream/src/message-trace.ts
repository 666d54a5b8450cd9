import { isTracing, readTraceContext, traceContext, type TraceContext } from '@dtm/tracing';
import type { MsgHdrs } from '@nats-io/transport-node';

/** Where in its trace a message was sent; null where it does not say, or nobody traces here. */
export function traceOf(message: { headers?: MsgHdrs | undefined }): TraceContext | null {
  // Headers are decoded only when they are asked for.
  if (!isTracing()) return null;
  const found = message.headers;
  return found === undefined ? null : readTraceContext((name) => (found.has(name) ? found.get(name) : undefined));
}

/** The headers, and where in its trace the caller is. A trace is told of in headers alone: events are hashed and kept for ever. */
export function withTrace(given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const context = traceContext();
  return context === null ? given : { ...given, ...context };
}
