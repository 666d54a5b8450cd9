export { applyBatch } from './projection/apply-batch.ts';
export { RivalProjector, type Positions } from './projection/checkpoints.ts';
export { PROJECTED_STREAMS, type ProjectedStream } from './projection/messages.ts';
export { ForeignStream, openCheckpoints } from './projection/open-checkpoints.ts';
export { ProjectionWatch } from './projection-watch.ts';
export { ProjectorMetrics } from './projector-metrics.ts';
export { OtherVersion, Projector, type ProjectorParts } from './projector.ts';
export { DEFAULT_LIMITS, type BatchLimits } from './reading/batch-reader.ts';
export { streamsOf, type EventSource } from './reading/event-source.ts';
