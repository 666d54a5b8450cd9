export { type ChangeMessage, type Problem, type ScanMessage } from './live.ts';
export { type RegistryStatus, type ScanDay, type ScanDays, type SourceInfo, type SystemStatus } from './status.ts';
export {
  CHANGE_KINDS,
  FREQUENCY_INTERVALS,
  SORT_ORDERS,
  TAG_SORTS,
  TAG_STATES,
  type Cadence,
  type Change,
  type ChangeKind,
  type Coverage,
  type Frequency,
  type FrequencyInterval,
  type Page,
  type SortOrder,
  type TagDetails,
  type TagSort,
  type TagState,
  type TagSummary,
  type TrackedBy,
} from './tags.ts';
export {
  TRACK_OUTCOMES,
  type AvailableTags,
  type ScanNowRequest,
  type ScanNowResponse,
  type TrackOutcome,
  type TrackRequest,
  type TrackResponse,
  type TrackResult,
} from './tracking.ts';
