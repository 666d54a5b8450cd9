export {
  CONTENT_TYPE,
  decode,
  decodeHistory,
  decodeManifest,
  decodeScanLog,
  decodeScanRequest,
  decodeTracking,
  encode,
  envelopeSchema,
  EVENT_SCHEMAS,
  EVENT_TYPES,
  hashOf,
  tagEventId,
  UnreadableEvent,
  type AnyEvent,
  type EventOf,
  type EventType,
  type HistoryEvent,
  type ManifestEvent,
  type NewEvent,
  type ScanLogEvent,
  type TrackingEvent,
} from './envelope.ts';
export { isCanonical } from './fields.ts';
export { type DigestObserved, type PreviousEvent, type TagDisappeared } from './history-events.ts';
export { jsonSchemas } from './json-schema.ts';
export { MANIFEST_SOURCES, PLATFORMS_MAX, type ManifestDescribed, type ManifestSource } from './manifest-events.ts';
export {
  FAILURE_CODES,
  SCAN_REASONS,
  type FailureCode,
  type RepositoryScanFailed,
  type RepositoryScanned,
  type ScanReason,
  type ScanRequest,
} from './scan-events.ts';
export {
  escapePart,
  parseRepositoryKey,
  parseTagKey,
  repositoryKey,
  SUBJECTS,
  tagKey,
  tagOfSubject,
  unescapePart,
} from './subject.ts';
export {
  TRACKED_BY,
  UNTRACKED_BY,
  type TagTracked,
  type TagUntracked,
  type TrackedBy,
  type UntrackedBy,
} from './tracking-events.ts';
export { upcast, type Upcaster } from './upcasters.ts';
