import { afterEach, describe, expect, it } from '@jest/globals';
import { useTracer, type Tracer } from '@dtm/tracing';
import { traceOf, withTrace } from './message-trace.ts';
import { headersOf } from './requests.ts';

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

function tracerWithin(context: ReturnType<Tracer['context']>): Tracer {
  const nothing = (): void => undefined;
  return {
    span: (_name, _options, work) => work({ set: nothing, rename: nothing, fail: nothing, discard: nothing }),
    note: nothing,
    context: () => context,
  };
}

afterEach(() => useTracer(null));

describe('the headers of a message', () => {
  const given = { 'content-type': 'application/json' };

  it('stay as they are where nobody traces, or not here', () => {
    expect(withTrace(given)).toBe(given);
    useTracer(tracerWithin(null));
    expect(withTrace(given)).toBe(given);
  });

  it('carry the context besides what they had, and hand it back', () => {
    useTracer(tracerWithin({ traceparent: TRACEPARENT, tracestate: 'a=1' }));
    const made = withTrace(given);
    expect(made).toMatchObject(given);
    expect(traceOf({ headers: headersOf(made) })).toEqual({ traceparent: TRACEPARENT, tracestate: 'a=1' });
    expect(given).not.toHaveProperty('traceparent');
  });

  it('are not even decoded where nobody traces', () => {
    const message = {
      get headers(): never {
        throw new Error('decoded');
      },
    };
    expect(traceOf(message)).toBeNull();
  });

  it('may lack a context, or hold nonsense', () => {
    useTracer(tracerWithin(null));
    expect(traceOf({})).toBeNull();
    expect(traceOf({ headers: headersOf(given) })).toBeNull();
    expect(traceOf({ headers: headersOf({ traceparent: 'x' }) })).toBeNull();
  });
});
