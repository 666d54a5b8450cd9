export { Appender, type AppendResult } from './append.ts';
export { connectNats, serversAndCredentials, type ConnectionSettings } from './connection.ts';
export { FactsJobs, type FactsJob } from './facts-jobs.ts';
export { FactsPace } from './facts-pace.ts';
export { HistoryLog } from './history-log.ts';
export { headOf, HistoryTail, type HistoryHead } from './history-tail.ts';
export { lastActivity } from './last-activity.ts';
export { ManifestLog, type DescribeOutcome } from './manifest-log.ts';
export { ManifestTail } from './manifest-tail.ts';
export {
  askAvailableTags,
  askNextScan,
  askPopularImages,
  askScanNow,
  askTagExists,
  NoAnswer,
  QUERIES,
  type AvailableTagsAnswer,
  type NextScanAnswer,
  type PopularImagesAnswer,
  type PopularImagesQuestion,
  type QueryRefusal,
  type RepositoryQuestion,
  type ScanNowAnswer,
  type TagExistsAnswer,
  type TagQuestion,
} from './queries.ts';
export { ListingStore, type ListingHead } from './listing-store.ts';
export { RetryLater } from './job-message.ts';
export { checkNats, JetStreamModule, NATS } from './nest-module.ts';
export { PopularLookups, type LookupPlan, type LookupTurn } from './popular-lookups.ts';
export { readStream, type ReadOptions, type StoredMessage } from './reader.ts';
export { refillStream, type RefillOptions } from './refill.ts';
export { RegistryJobs, type RegistryJob, type RegistryJobsOptions } from './registry-jobs.ts';
export { ScanJobs, type ScanJob, type ScanJobsOptions } from './scan-jobs.ts';
export { CLOCK_TOLERANCE_MS, ScanLog } from './scan-log.ts';
export { NoScanNews, ScanNews, type OnScanNewsError, type ScanNewsJob } from './scan-news.ts';
export { scanRequestId, ScanQueue, type RequestOutcome } from './scan-queue.ts';
export { ScanStateStore, type RepositoryScanState, type ScanMemory, type TagScanState } from './scan-state.ts';
export { storeUse, type StoreUse } from './store-use.ts';
export { BUCKETS, ensureStreams, limitThrottleAge, STREAMS, streamState, type StreamSummary } from './streams.ts';
export { Tail } from './tail.ts';
export { readThrottles, ThrottleBook, type Lease, type LeasePurpose } from './throttle.ts';
export type { ThrottleState } from './throttle-state.ts';
export { TrackingLog, type TrackOutcome, type UntrackOutcome } from './tracking-log.ts';
export { TrackingTail, type TrackedRepository, type TrackedTag } from './tracking-tail.ts';
export { JetStreamContext, JetStreamStrategy, KeepErrorClass, type WorkSource } from './transport.ts';
export { ViewLog } from './views.ts';
export { pause } from './waiting.ts';
export type { NatsConnection } from '@nats-io/transport-node';
