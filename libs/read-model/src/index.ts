export { Database, type DatabaseSettings, type Sql } from './database.ts';
export {
  ChangeMonth,
  Checkpoint,
  DigestChange,
  ENTITIES,
  Manifest,
  ManifestEvent,
  Repository,
  ScanDay,
  ScanGap,
  ScanHour,
  Tag,
  TagGap,
  TrackingEvent,
} from './entities/index.ts';
export {
  type ChangeMonthRecord,
  type CheckpointRecord,
  type DigestChangeRecord,
  type ManifestEventRecord,
  type ManifestRecord,
  type RepositoryRecord,
  type ScanDayRecord,
  type ScanGapRecord,
  type ScanHourRecord,
  type TagGapRecord,
  type TagRecord,
  type TrackingEventRecord,
} from './entities/rows.ts';
export { GAP_DAYS, GAP_INTERVALS } from './entities/scan-statistics.ts';
export { UNREACHABLE_AFTER } from './entities/tag.ts';
export { CHANNELS, listen, type Channel, type ListenOptions } from './notifications.ts';
export { openReadModel, PostgresReadModel, ReadModelMissing } from './postgres-read-model.ts';
export {
  type AsOf,
  type ChangeRow,
  type CountChanges,
  type ListChanges,
  type ListTags,
  type LiveChangeRow,
  type NextChanges,
  type ReadModel,
  type ScanDayRow,
  type StatusRow,
  type TagDescription,
  type TagRow,
  type TagSortName,
  type TagStateName,
} from './queries.ts';
export {
  createTables,
  ensureReadModel,
  READ_MODEL_VERSION,
  readPointer,
  type Pointer,
} from './schema/create-schema.ts';
export { dropOlderGenerations, FILLING, makeGeneration, switchPointer } from './schema/generations.ts';
export { takeLock, type HeldLock, type LockSettings } from './session-lock.ts';
export { Table, type Column, type OnConflict, type TableEntity } from './table.ts';
