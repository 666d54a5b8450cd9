import {
  CONTENT_TYPE,
  encode,
  EVENT_TYPES,
  SUBJECTS,
  type RepositoryScanFailed,
  type RepositoryScanned,
} from '@dtm/events';
import { PubHeaders } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { traced } from '@dtm/tracing';
import { withTrace } from './message-trace.ts';
import { requestJetStream } from './requests.ts';

const SOURCE = '/docker-tag-monitor/registry-fetcher';

/** Room for subject and headers within the server's bound on a message. */
const OVERHEAD_BYTES = 4_096;
const DEFAULT_BOUND_BYTES = 1_048_576;
/** Failures that are still named where a scan's event would be larger than the server takes. */
const FAILURES_NAMED = 100;

/** How far the clocks of services and servers may be apart. What is told of a later time was told by a clock that was ahead. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** Writes SCAN_LOG: how each scan went. The scan's id is the message id, so that a repeated write is stored once. */
export class ScanLog {
  readonly #nc: NatsConnection;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
  }

  /**
   * Where the event is larger than the server takes, it tells less than the scan learned, never more: first the reasons of
   * most failures go (their tags stay uncovered), then the scan claims no coverage.
   */
  async recordScanned(data: RepositoryScanned): Promise<void> {
    const bound = (this.#nc.info?.max_payload ?? DEFAULT_BOUND_BYTES) - OVERHEAD_BYTES;
    let bytes = encodeScanned(data);
    if (bytes.length > bound) bytes = encodeScanned({ ...data, failures: data.failures.slice(0, FAILURES_NAMED) });
    if (bytes.length > bound) {
      const failures = data.failures.slice(0, FAILURES_NAMED);
      bytes = encodeScanned({ ...data, failures, coverage: { mode: 'only', tags: [] }, missing: [] });
    }
    await this.#publish(SUBJECTS.scanDone(data), bytes, data.scanId);
  }

  async recordFailed(data: RepositoryScanFailed): Promise<void> {
    const bytes = encode({ ...envelope(data), type: EVENT_TYPES.RepositoryScanFailed, data });
    await this.#publish(SUBJECTS.scanFailed(data), bytes, data.scanId);
  }

  async #publish(subject: string, bytes: Uint8Array, scanId: string): Promise<void> {
    const attributes = { 'messaging.system': 'nats', 'dtm.subject': subject, 'dtm.scan_id': scanId };
    await traced('append SCAN_LOG', { kind: 'producer', attributes }, async () => {
      try {
        const fields = { 'content-type': CONTENT_TYPE, [PubHeaders.MsgIdHdr]: scanId };
        await requestJetStream(this.#nc, subject, bytes, { headers: withTrace(fields) });
      } catch (error) {
        throw new Error(`could not append to ${subject}`, { cause: error });
      }
    });
  }
}

function encodeScanned(data: RepositoryScanned): Uint8Array {
  return encode({ ...envelope(data), type: EVENT_TYPES.RepositoryScanned, data });
}

function envelope(data: { registry: string; repository: string; scanId: string; finishedAt: string }): {
  id: string;
  source: string;
  subject: string;
  time: string;
} {
  return { id: data.scanId, source: SOURCE, subject: `${data.registry}/${data.repository}`, time: data.finishedAt };
}
