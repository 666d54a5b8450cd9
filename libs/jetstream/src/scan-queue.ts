import { encode, EVENT_TYPES, CONTENT_TYPE, repositoryKey, SUBJECTS, type ScanRequest } from '@dtm/events';
import { JetStreamApiError, PubHeaders } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { withTrace } from './message-trace.ts';
import { requestJetStream } from './requests.ts';

/** `pending`: the repository's last request is not done yet; the caller keeps it due. */
export type RequestOutcome = 'requested' | 'pending';

/** The server's code for "maximum messages per subject exceeded". */
const MAX_MESSAGES_PER_SUBJECT = 10077;

/** The id of a request, in its event, its message and the log. */
export function scanRequestId(name: { registry: string; repository: string }, slot: string): string {
  return `${repositoryKey(name)}@${slot}`;
}

/** Asks for scans: the writing side of the work queue SCANS. */
export class ScanQueue {
  readonly #nc: NatsConnection;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
  }

  /** Asks for one scan. `slot` names the occasion, so that two schedulers that find the same thing ask once. */
  async request(request: ScanRequest, slot: string): Promise<RequestOutcome> {
    const name = `${request.registry}/${request.repository}`;
    const id = scanRequestId(request, slot);
    const bytes = encode({
      id,
      source: '/docker-tag-monitor/scheduler',
      type: EVENT_TYPES.ScanRequest,
      subject: name,
      time: request.requestedAt,
      data: request,
    });
    try {
      const fields = { 'content-type': CONTENT_TYPE, [PubHeaders.MsgIdHdr]: id };
      await requestJetStream(this.#nc, SUBJECTS.scanRequest(request), bytes, { headers: withTrace(fields) });
      return 'requested';
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === MAX_MESSAGES_PER_SUBJECT) return 'pending';
      throw error;
    }
  }
}
