import { decodeScanRequest, SUBJECTS, type ScanRequest } from '@dtm/events';
import type { NatsConnection } from '@nats-io/transport-node';
import { RegistryJobs, type JobKind, type RegistryJob, type RegistryJobsOptions } from './registry-jobs.ts';
import { STREAMS } from './streams.ts';

/** How scan requests are taken from the queue; `perRegistry` repositories of one registry are scanned at once. */
export type ScanJobsOptions = RegistryJobsOptions;

/** One scan request in work. */
export interface ScanJob extends RegistryJob {
  request: ScanRequest;
  /** Of the request: repository and occasion. */
  id: string;
}

const SCAN_REQUESTS: JobKind<ScanJob> = {
  stream: STREAMS.scans,
  prefix: 'fetcher',
  subjectsOf: SUBJECTS.scanRequestsOfRegistry,
  maxPending: 10_000,
  isQueue: true,
  what: 'scan request',
  span: 'scan repository',
  jobOf: ({ data }, { delivery, signal }) => {
    const { id, data: request } = decodeScanRequest(data);
    return { id, request, delivery, signal };
  },
  operationOf: ({ request }) => `scan ${request.registry}/${request.repository}`,
};

/** The reading side of SCANS. */
export class ScanJobs extends RegistryJobs<ScanJob> {
  constructor(nc: NatsConnection, options: ScanJobsOptions) {
    super(nc, SCAN_REQUESTS, options);
  }
}
