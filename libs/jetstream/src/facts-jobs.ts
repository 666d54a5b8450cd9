import { decodeHistory, EVENT_TYPES, SUBJECTS, type DigestObserved } from '@dtm/events';
import type { NatsConnection } from '@nats-io/transport-node';
import { RegistryJobs, type JobKind, type RegistryJob, type RegistryJobsOptions } from './registry-jobs.ts';
import { STREAMS } from './streams.ts';

/** A digest that was observed, and may have to be described. */
export interface FactsJob extends RegistryJob {
  observed: DigestObserved;
  /** Of the event in HISTORY. */
  sequence: number;
  /** Takes the registry's next job not before a time, whatever becomes of this one. */
  rest: (until: Date) => void;
}

const OBSERVED_DIGESTS: JobKind<FactsJob> = {
  stream: STREAMS.history,
  prefix: 'facts',
  subjectsOf: SUBJECTS.historyOfRegistry,
  // What is put off counts too: an outage must not hold up what comes after it.
  maxPending: 1_000,
  isQueue: false,
  what: 'digest',
  span: 'describe digest',
  jobOf: ({ data, sequence }, how) => {
    const event = decodeHistory(data);
    return event.type === EVENT_TYPES.DigestObserved ? { observed: event.data, sequence, ...how } : null;
  },
  operationOf: ({ observed }) => `describe ${observed.registry}/${observed.repository}@${observed.digest}`,
};

export interface FactsJobsOptions extends Omit<RegistryJobsOptions, 'perRegistry'> {
  /** Takes no jobs: they wait until facts are wanted again. */
  isOff?: boolean;
}

/**
 * HISTORY as work: every digest that was observed is handed to one fetcher, from the beginning, so that neither a crash
 * nor an upgrade leaves one out.
 */
export class FactsJobs extends RegistryJobs<FactsJob> {
  readonly #isOff: boolean;

  constructor(nc: NatsConnection, { isOff = false, ...options }: FactsJobsOptions) {
    super(nc, OBSERVED_DIGESTS, { ...options, perRegistry: 1 });
    this.#isOff = isOff;
  }

  override addRegistry(registry: string): void {
    if (!this.#isOff) super.addRegistry(registry);
  }
}
