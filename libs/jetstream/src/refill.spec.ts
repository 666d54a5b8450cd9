import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { Appender } from './append.ts';
import { connectNats } from './connection.ts';
import { readStream, type StoredMessage } from './reader.ts';
import { refillStream } from './refill.ts';
import { ensureStreams, STREAMS, streamState } from './streams.ts';

let nats: RunningNats;
let nc: NatsConnection;
beforeEach(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
});
afterEach(async () => {
  await nc.close();
  await nats.stop();
});

type Copy = Pick<StoredMessage, 'sequence' | 'subject' | 'data'>;

/** Events of seven tags in turn. */
async function* copies(from: number, to: number): AsyncGenerator<Copy> {
  for (let sequence = from; sequence <= to; sequence++) {
    await Promise.resolve();
    yield { sequence, subject: `history.r.app.${sequence % 7}`, data: new TextEncoder().encode(`event ${sequence}`) };
  }
}

async function stored(): Promise<Copy[]> {
  const { lastSequence } = await streamState(nc, STREAMS.history);
  const found: Copy[] = [];
  const { signal } = new AbortController();
  for await (const { sequence, subject, data } of readStream(nc, { stream: STREAMS.history, after: 0, signal })) {
    found.push({ sequence, subject, data });
    if (sequence === lastSequence) break;
  }
  return found;
}

describe('refillStream', () => {
  it('stores every message under its own sequence, byte for byte, and goes on where it was', async () => {
    const stream = STREAMS.history;
    expect(await refillStream(nc, { stream, after: 0, messages: copies(1, 600) })).toBe(600);
    const told: number[] = [];
    const onProgress = (sequence: number): void => void told.push(sequence);
    expect(await refillStream(nc, { stream, after: 600, messages: copies(601, 1_000), onProgress })).toBe(1_000);
    expect(told.at(-1)).toBe(1_000);
    const expected: Copy[] = [];
    for await (const copy of copies(1, 1_000)) expected.push(copy);
    expect(await stored()).toEqual(expected);
  });

  it('stops where something else was written meanwhile', async () => {
    await new Appender(nc, STREAMS.history).append('history.r.other.1', new Uint8Array([1]), 0);
    const refilling = refillStream(nc, { stream: STREAMS.history, after: 0, messages: copies(1, 300) });
    await expect(refilling).rejects.toThrow('HISTORY did not take the event 1 back: wrong last sequence');
    expect(await streamState(nc, STREAMS.history)).toMatchObject({ lastSequence: 1, messages: 1 });
  });

  it('stores nothing behind what was written in between', async () => {
    async function* interrupted(): AsyncGenerator<Copy> {
      yield* copies(1, 300);
      // The 300 may still be under way: the stream takes them first.
      await new Appender(nc, STREAMS.history).append('history.r.other.1', new Uint8Array([1]), 0);
      yield* copies(301, 600);
    }
    const refilling = refillStream(nc, { stream: STREAMS.history, after: 0, messages: interrupted() });
    await expect(refilling).rejects.toThrow('HISTORY did not take the event 301 back');
    expect(await streamState(nc, STREAMS.history)).toMatchObject({ lastSequence: 301, messages: 301 });
  });

  it('refuses a copy with a gap', async () => {
    const refilling = refillStream(nc, { stream: STREAMS.history, after: 0, messages: copies(2, 3) });
    await expect(refilling).rejects.toThrow('the event 1 of HISTORY is missing in the copy');
  });
});
