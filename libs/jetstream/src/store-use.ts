import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { unlessReconnected } from './reconnects.ts';
import { STREAMS } from './streams.ts';

/** What the streams take of the store. */
export interface StoreUse {
  /** By stream: messages stored now, and the bytes of one copy of them. */
  streams: { stream: string; messages: number; bytes: number }[];
  /** Bytes that the account stores on disk, all streams and buckets together. */
  usedBytes: number;
  /** Bytes that the account may store on disk, null where nothing but the servers' own limit holds. */
  limitBytes: number | null;
}

/** Whoever reads metrics does not wait long. */
const TIMEOUT_MS = 2_000;

/** Asks the server; throws where it is away, or a stream does not exist. */
export async function storeUse(nc: NatsConnection): Promise<StoreUse> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: TIMEOUT_MS });
  const asking = Promise.all(
    Object.values(STREAMS).map(async (stream) => {
      const { messages, bytes } = (await jsm.streams.info(stream)).state;
      return { stream, messages, bytes };
    }),
  );
  const [streams, { storage, limits }] = await unlessReconnected(nc, Promise.all([asking, jsm.getAccountInfo()]));
  return { streams, usedBytes: storage, limitBytes: limits.max_storage > 0 ? limits.max_storage : null };
}
