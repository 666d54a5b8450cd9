import {
  DiscardPolicy,
  jetstreamManager,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { isPassing } from './failures.ts';
import { requestJetStream } from './requests.ts';
import { pause } from './waiting.ts';

/** The streams, by what they hold. */
export const STREAMS = {
  history: 'HISTORY',
  manifests: 'MANIFESTS',
  tracking: 'TRACKING',
  scans: 'SCANS',
  scanLog: 'SCAN_LOG',
} as const;

/** The key-value buckets. */
export const BUCKETS = { scanState: 'SCAN_STATE', throttle: 'THROTTLE', views: 'VIEWS' } as const;

const DAY_MS = 24 * 3600 * 1000;

/** How long the log of scans is kept. */
export const SCAN_LOG_MAX_AGE_MS = 60 * DAY_MS;

/**
 * How long KV THROTTLE keeps what nobody writes again: strangers may name any number of hosts, each of which gets an entry. A
 * registry that wants to be left alone is believed for a day at most; beyond it an entry says no more than the configuration.
 */
const THROTTLE_MAX_AGE_MS = 2 * DAY_MS;

/** How long a repeated scan request is recognised by its message id. */
export const SCAN_DEDUPLICATION_MS = 120_000;

type Definition = Partial<StreamConfig> & { name: string; subjects: string[] };

const DEFINITIONS: readonly Definition[] = [
  {
    name: STREAMS.history,
    description: 'Every change of every tag, for ever',
    subjects: ['history.>', 'imported.>'],
    retention: RetentionPolicy.Limits,
    // A purge succeeds under deny_delete alone.
    deny_delete: true,
    deny_purge: true,
    allow_direct: true,
  },
  {
    name: STREAMS.manifests,
    description: 'What each digest is, for ever: platforms, sizes, build date',
    subjects: ['manifest.>'],
    retention: RetentionPolicy.Limits,
    deny_delete: true,
    deny_purge: true,
    allow_direct: true,
  },
  {
    name: STREAMS.tracking,
    description: 'Which tags are tracked, and who asked for it',
    subjects: ['tracking.>'],
    retention: RetentionPolicy.Limits,
    deny_delete: true,
    deny_purge: true,
    allow_direct: true,
  },
  {
    name: STREAMS.scans,
    description: 'Repositories that are due, one request pending for each',
    subjects: ['scan.request.>'],
    retention: RetentionPolicy.Workqueue,
    max_msgs_per_subject: 1,
    discard: DiscardPolicy.New,
    discard_new_per_subject: true,
    duplicate_window: nanos(SCAN_DEDUPLICATION_MS),
  },
  {
    name: STREAMS.scanLog,
    description: 'How each scan went',
    subjects: ['scan.done.>', 'scan.failed.>'],
    retention: RetentionPolicy.Limits,
    max_age: nanos(SCAN_LOG_MAX_AGE_MS),
    allow_direct: true,
  },
];

/** How long a server whose JetStream is not ready yet is waited for. */
const PATIENCE_MS = 30_000;
const RETRY_MS = 500;

/**
 * Creates the streams and buckets that are missing and leaves those that exist as they are; every service calls it at
 * start, several at once do no harm. Throws where the server has no JetStream, or does not answer for `patienceMs`.
 */
export async function ensureStreams(
  nc: NatsConnection,
  options: { replicas?: 1 | 3; patienceMs?: number } = {},
): Promise<void> {
  const deadline = Date.now() + (options.patienceMs ?? PATIENCE_MS);
  for (;;) {
    try {
      return await ensureAll(nc, options.replicas ?? 1);
    } catch (error) {
      if (!isPassing(error) || nc.isClosed() || Date.now() >= deadline) {
        throw new Error(`could not make the streams: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
      await pause(RETRY_MS);
    }
  }
}

async function ensureAll(nc: NatsConnection, replicas: 1 | 3): Promise<void> {
  const jsm = await jetstreamManager(nc);
  for (const definition of DEFINITIONS) {
    await ensureStream(jsm, { ...definition, storage: StorageType.File, num_replicas: replicas });
  }
  const kvm = new Kvm(nc);
  for (const bucket of Object.values(BUCKETS)) {
    const age = bucket === BUCKETS.throttle ? { ttl: THROTTLE_MAX_AGE_MS } : {};
    const make = (): Promise<unknown> =>
      kvm.create(bucket, { history: 1, storage: StorageType.File, replicas, ...age });
    // Where another service was faster, the second time finds its bucket.
    await make().catch(make);
  }
}

/**
 * Lets what nobody touches end in a KV THROTTLE of an older version too, where everything was kept for ever. Rejects where it
 * may not: of the services only the fetcher may, which is the one that writes there.
 */
export async function limitThrottleAge(nc: NatsConnection): Promise<void> {
  const jsm = await jetstreamManager(nc);
  const stream = `KV_${BUCKETS.throttle}`;
  const maxAge = nanos(THROTTLE_MAX_AGE_MS);
  const { config } = await jsm.streams.info(stream);
  if (config.max_age !== maxAge) await jsm.streams.update(stream, { max_age: maxAge });
}

/** What a reader must know of a stream before it trusts a checkpoint. */
export interface StreamSummary {
  /** When the stream was made: another one under the same name has another time. */
  created: Date;
  /** Beyond `lastSequence` where all messages have expired; 0 where there never was one. */
  firstSequence: number;
  lastSequence: number;
  /** Stored now: fewer than from first to last where some in between are missing. */
  messages: number;
}

/** Asks the stream's leader; throws where the stream does not exist. */
export async function streamState(nc: NatsConnection, stream: string): Promise<StreamSummary> {
  const ask = (): Promise<StreamInfo> => requestJetStream(nc, `$JS.API.STREAM.INFO.${stream}`);
  const info = await ask().catch((error: unknown) => {
    // Lost with an old connection: the new one is there to ask once more.
    if (!isPassing(error) || nc.isClosed()) throw error;
    return ask();
  });
  const { first_seq: firstSequence, last_seq: lastSequence, messages } = info.state;
  return { created: new Date(info.created), firstSequence, lastSequence, messages };
}

async function ensureStream(jsm: JetStreamManager, definition: Definition): Promise<void> {
  try {
    await jsm.streams.info(definition.name);
    return;
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)) throw error;
  }
  try {
    await jsm.streams.add(definition);
  } catch (error) {
    // Another service was faster; whatever else is wrong shows when the stream is asked for.
    await jsm.streams.info(definition.name).catch(() => {
      throw error;
    });
  }
}
