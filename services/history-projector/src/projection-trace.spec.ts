import { afterEach, describe, expect, it } from '@jest/globals';
import { useTracer, type PastSpan, type SpanOptions, type TraceContext } from '@dtm/tracing';
import { emptyBatch, type Batch, type ProjectedStream } from './projection/messages.ts';
import { tracedBatch } from './projection-trace.ts';

let told: { name: string; options: SpanOptions | PastSpan }[] = [];

function trace(id: number): TraceContext {
  return { traceparent: `00-${String(id).padStart(32, '0')}-00f067aa0ba902b7-01` };
}

const BATCH: TraceContext = trace(999);

function listen(): void {
  told = [];
  const nothing = (): void => undefined;
  useTracer({
    span(name, options, work) {
      told.push({ name, options });
      return work({ set: nothing, rename: nothing, fail: nothing, discard: nothing });
    },
    note: (name, options) => told.push({ name, options }),
    context: () => BATCH,
  });
}

/** So many messages of a stream; `of` says to which trace each belongs. */
function batchOf(stream: ProjectedStream, count: number, of: (index: number) => TraceContext | null): Batch {
  const reads = Array.from({ length: count }, (_, index) => {
    const found = of(index);
    const message = { sequence: index + 1, subject: 's', data: new Uint8Array(), storedAt: new Date(0) };
    return { message: found === null ? message : { ...message, trace: found }, event: null, fault: null };
  });
  return { ...emptyBatch(), [stream]: reads };
}

afterEach(() => useTracer(null));

describe('a batch', () => {
  it('is only projected where nobody traces, or none of its events is traced', async () => {
    const batch = batchOf('HISTORY', 2, () => trace(1));
    expect(await tracedBatch(batch, () => Promise.resolve(5))).toBe(5);
    listen();
    expect(
      await tracedBatch(
        batchOf('HISTORY', 2, () => null),
        () => Promise.resolve(6),
      ),
    ).toBe(6);
    expect(told).toEqual([]);
  });

  it('is linked with the traces of its events, each of which ends with its commit', async () => {
    listen();
    const batch = batchOf('SCAN_LOG', 3, (index) => (index === 1 ? null : trace(index)));
    await tracedBatch(batch, () => {
      expect(told.map(({ name }) => name)).toEqual(['project batch']);
      return Promise.resolve();
    });
    expect(told.map(({ name }) => name)).toEqual(['project batch', 'project SCAN_LOG', 'project SCAN_LOG']);
    expect(told[0]?.options).toMatchObject({ parent: null, links: [trace(0), trace(2)] });
    expect(told[1]?.options).toMatchObject({ parent: trace(0), links: [BATCH], attributes: { 'dtm.sequence': 1 } });
    expect(told[2]?.options).toMatchObject({ parent: trace(2), attributes: { 'dtm.sequence': 3 } });
  });

  it('that is not committed ends no trace', async () => {
    listen();
    const failing = tracedBatch(
      batchOf('HISTORY', 1, () => trace(1)),
      () => Promise.reject(new Error('PostgreSQL is away')),
    );
    await expect(failing).rejects.toThrow('PostgreSQL is away');
    expect(told.map(({ name }) => name)).toEqual(['project batch']);
  });

  it('of a scan with many changes tells of some of them, and leaves others their place', async () => {
    listen();
    const batch = {
      ...batchOf('HISTORY', 1_000, (index) => trace(index === 999 ? 2 : 1)),
      SCAN_LOG: batchOf('SCAN_LOG', 1, () => trace(1)).SCAN_LOG,
    };
    await tracedBatch(batch, () => Promise.resolve());
    const counts = Map.groupBy(
      told,
      ({ name, options }) => `${name} ${options.parent?.traceparent.slice(30, 35) ?? ''}`,
    );
    expect([...counts].map(([name, all]) => [name, all.length])).toEqual([
      ['project batch ', 1],
      ['project HISTORY 00001', 16],
      ['project HISTORY 00002', 1],
      ['project SCAN_LOG 00001', 1],
    ]);
    expect(told[0]?.options.links).toEqual([trace(1), trace(2)]);
  });

  it('with more traces than can be linked ends all of them', async () => {
    listen();
    await tracedBatch(
      batchOf('SCAN_LOG', 300, (index) => trace(index)),
      () => Promise.resolve(),
    );
    expect(told).toHaveLength(301);
    expect(told[0]?.options.links).toHaveLength(128);
  });
});
