import { encode, EVENT_TYPES, SUBJECTS, type ManifestDescribed } from '@dtm/events';
import type { NatsConnection } from '@nats-io/transport-node';
import { Appender } from './append.ts';
import { STREAMS } from './streams.ts';

/** What became of a description; `sequence` is that of the one that the stream holds. */
export interface DescribeOutcome {
  outcome: 'described' | 'already-described';
  sequence: number;
}

const SOURCE = '/docker-tag-monitor/registry-fetcher';

/** Writes MANIFESTS: what a digest is, once for ever. */
export class ManifestLog {
  readonly #appender: Appender;

  constructor(nc: NatsConnection) {
    this.#appender = new Appender(nc, STREAMS.manifests);
  }

  /** Records what a digest is, unless that is recorded already: a digest never means anything else. */
  async record(data: ManifestDescribed): Promise<DescribeOutcome> {
    const { digest, describedAt } = data;
    const envelope = { id: digest, source: SOURCE, subject: digest, time: describedAt };
    const bytes = encode({ ...envelope, type: EVENT_TYPES.ManifestDescribed, data });
    const result = await this.#appender.append(SUBJECTS.manifest(digest), bytes, 0);
    if (result.outcome === 'appended') return { outcome: 'described', sequence: result.sequence };
    return { outcome: 'already-described', sequence: result.last?.sequence ?? 0 };
  }
}
