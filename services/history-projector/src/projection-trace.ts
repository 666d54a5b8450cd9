import { isTracing, logFields, noteSpan, traceContext, traced, type TraceContext } from '@dtm/tracing';
import { PROJECTED_STREAMS, type Batch, type ProjectedStream } from './projection/messages.ts';

/** Spans that one batch makes of one trace and stream at most: a scan may have recorded a thousand changes. */
const SPANS_OF_A_TRACE = 16;
/** OpenTelemetry keeps so many. */
const MAX_LINKS = 128;

interface TracedEvent {
  stream: ProjectedStream;
  sequence: number;
  subject: string;
  trace: TraceContext;
}

/**
 * Projects a batch. Where events in it belong to traces, each of these ends with a span of the transaction that committed
 * its row, and the batch is a trace of its own that is linked with them.
 */
export async function tracedBatch<T>(batch: Batch, project: () => Promise<T>): Promise<T> {
  if (!isTracing()) return project();
  const events = tracedEvents(batch);
  if (events.length === 0) return project();
  const traces = new Map(events.map(({ trace }) => [traceIdOf(trace), trace]));
  const links = [...traces.values()].slice(0, MAX_LINKS);
  const attributes = Object.fromEntries(
    PROJECTED_STREAMS.map((stream) => [`dtm.events.${stream}`, batch[stream].length]),
  );
  return traced('project batch', { parent: null, links, attributes }, async () => {
    const startedAt = performance.now();
    const result = await project();
    const milliseconds = performance.now() - startedAt;
    const within = traceContext();
    for (const { stream, sequence, subject, trace } of events) {
      noteSpan(`project ${stream}`, {
        kind: 'consumer',
        parent: trace,
        links: within === null ? [] : [within],
        milliseconds,
        attributes: { 'dtm.sequence': sequence, 'dtm.subject': subject },
      });
    }
    return result;
  });
}

function tracedEvents(batch: Batch): TracedEvent[] {
  const events: TracedEvent[] = [];
  for (const stream of PROJECTED_STREAMS) {
    const counts = new Map<string, number>();
    for (const { message } of batch[stream]) {
      const { trace, sequence, subject } = message;
      if (trace === undefined) continue;
      const traceId = traceIdOf(trace);
      const count = (counts.get(traceId) ?? 0) + 1;
      counts.set(traceId, count);
      if (count <= SPANS_OF_A_TRACE) events.push({ stream, sequence, subject, trace });
    }
  }
  return events;
}

function traceIdOf(trace: TraceContext): string {
  return logFields(trace).trace_id;
}
