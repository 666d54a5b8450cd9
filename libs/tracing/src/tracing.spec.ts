import { afterEach, describe, expect, it } from '@jest/globals';
import { logFields, readTraceContext } from './trace-context.ts';
import { isTracing, noteSpan, traceContext, traced, useTracer, type Tracer } from './tracing.ts';

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

afterEach(() => useTracer(null));

describe('without a tracer', () => {
  it('does the work alone', async () => {
    expect(isTracing()).toBe(false);
    expect(traceContext()).toBeNull();
    expect(traced('a', {}, () => 5)).toBe(5);
    const failing = traced('a', {}, (span) => {
      span.set({ a: 1 });
      span.rename('b');
      span.fail('words');
      span.discard();
      return Promise.reject(new Error('its own'));
    });
    await expect(failing).rejects.toThrow('its own');
    noteSpan('a', { milliseconds: 1 });
  });
});

describe('with a tracer', () => {
  it('hands it every span', () => {
    const told: string[] = [];
    const tracer: Tracer = {
      span(name, _options, work) {
        told.push(`span ${name}`);
        return work({ set: () => 0, rename: () => 0, fail: (words) => told.push(words), discard: () => 0 });
      },
      note: (name, { milliseconds }) => told.push(`note ${name} ${milliseconds}`),
      context: () => ({ traceparent: TRACEPARENT }),
    };
    useTracer(tracer);
    expect(isTracing()).toBe(true);
    expect(traceContext()).toEqual({ traceparent: TRACEPARENT });
    traced('a', {}, (span) => span.fail('it broke'));
    noteSpan('b', { milliseconds: 3 });
    expect(told).toEqual(['span a', 'it broke', 'note b 3']);
  });
});

describe('readTraceContext', () => {
  const read = (headers: Record<string, string>) => readTraceContext((name) => headers[name]);

  it('takes what is well-formed, the state of vendors included', () => {
    expect(read({ traceparent: TRACEPARENT })).toEqual({ traceparent: TRACEPARENT });
    expect(read({ traceparent: TRACEPARENT, tracestate: 'a=1' })).toEqual({
      traceparent: TRACEPARENT,
      tracestate: 'a=1',
    });
    expect(read({ traceparent: TRACEPARENT, tracestate: 'a'.repeat(513) })).toEqual({ traceparent: TRACEPARENT });
  });

  it.each([
    {},
    { traceparent: '' },
    { traceparent: 'x' },
    { traceparent: TRACEPARENT.toUpperCase() },
    { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` },
    { traceparent: `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01` },
    { traceparent: `${TRACEPARENT}\r\nx: y` },
  ])('passes over %j', (headers) => {
    expect(read(headers as Record<string, string>)).toBeNull();
  });

  it('gives log lines its ids', () => {
    expect(logFields({ traceparent: TRACEPARENT })).toEqual({
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      span_id: '00f067aa0ba902b7',
    });
  });
});
