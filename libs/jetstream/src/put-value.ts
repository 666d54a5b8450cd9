import { PubHeaders, type PubAck } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { requestJetStream } from './requests.ts';

/**
 * Writes a value of a key-value bucket; returns its revision. `previous`: the revision that must be there still, 0 where
 * nothing may be stored; a wrong one rejects (`isWrongSequence`). Without it whatever is there is replaced.
 */
export async function putValue(
  nc: NatsConnection,
  bucket: string,
  key: string,
  value: string,
  previous?: number,
): Promise<number> {
  const options =
    previous === undefined ? {} : { headers: { [PubHeaders.ExpectedLastSubjectSequenceHdr]: String(previous) } };
  return (await requestJetStream<PubAck>(nc, `$KV.${bucket}.${key}`, Buffer.from(value), options)).seq;
}
