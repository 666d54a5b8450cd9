import {
  CONTENT_TYPE,
  encode,
  EVENT_TYPES,
  SUBJECTS,
  type RepositoryScanFailed,
  type RepositoryScanned,
} from '@dtm/events';
import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';

const SOURCE = '/docker-tag-monitor/registry-fetcher';

/** Writes SCAN_LOG: how each scan went. The scan's id is the message id, so that a repeated write is stored once. */
export class ScanLog {
  readonly #js: JetStreamClient;

  constructor(nc: NatsConnection) {
    this.#js = jetstream(nc);
  }

  async recordScanned(data: RepositoryScanned): Promise<void> {
    const bytes = encode({ ...envelope(data), type: EVENT_TYPES.RepositoryScanned, data });
    await this.#js.publish(SUBJECTS.scanDone(data), bytes, { msgID: data.scanId, headers: contentType() });
  }

  async recordFailed(data: RepositoryScanFailed): Promise<void> {
    const bytes = encode({ ...envelope(data), type: EVENT_TYPES.RepositoryScanFailed, data });
    await this.#js.publish(SUBJECTS.scanFailed(data), bytes, { msgID: data.scanId, headers: contentType() });
  }
}

function contentType(): MsgHdrs {
  const made = headers();
  made.set('content-type', CONTENT_TYPE);
  return made;
}

function envelope(data: { registry: string; repository: string; scanId: string; finishedAt: string }): {
  id: string;
  source: string;
  subject: string;
  time: string;
} {
  return { id: data.scanId, source: SOURCE, subject: `${data.registry}/${data.repository}`, time: data.finishedAt };
}
