import { JetStreamApiCodes, JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import {
  ClosedConnectionError,
  ConnectionError,
  DrainingConnectionError,
  NoRespondersError,
  RequestError,
  TimeoutError,
} from '@nats-io/transport-node';

const PASSING = [
  TimeoutError,
  RequestError,
  NoRespondersError,
  ConnectionError,
  // Who retries looks itself whether the connection is closed for good.
  ClosedConnectionError,
  DrainingConnectionError,
] as const;

/** What the client calls a server whose JetStream does not answer (yet); it does not export the class. */
const NOT_ENABLED = 'JetStreamNotEnabled';

/** HTTP-like status by which a server says that it cannot at present: it starts, or elects a leader. */
const UNAVAILABLE = 503;
const BAD_REQUEST = 400;

/** Whether waiting may mend it: the server is away, restarting, or electing a leader; a lost consumer is made anew. */
export function isPassing(error: unknown): boolean {
  if (PASSING.some((type) => error instanceof type)) return true;
  if (error instanceof Error && error.name === NOT_ENABLED) return true;
  if (error instanceof JetStreamApiError) {
    return error.status === UNAVAILABLE || error.code === JetStreamApiCodes.ConsumerNotFound;
  }
  // What a pull ends with: missed heartbeats, a consumer that was deleted. A bad request is a fault of this program.
  if (error instanceof JetStreamError) return !('code' in error && error.code === BAD_REQUEST);
  return false;
}

/** Whether a compare-and-swap lost against another writer. */
export function isWrongSequence(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return false;
  const { StreamWrongLastSequence, StreamWrongLastSequenceUnknown } = JetStreamApiCodes;
  return error.code === StreamWrongLastSequence || error.code === StreamWrongLastSequenceUnknown;
}
