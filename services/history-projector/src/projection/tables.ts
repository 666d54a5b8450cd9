import {
  ChangeMonth,
  DigestChange,
  Manifest,
  ManifestEvent,
  Repository,
  ScanDay,
  ScanGap,
  ScanHour,
  Table,
  Tag,
  TagGap,
  TrackingEvent,
  type ChangeMonthRecord,
  type Database,
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
} from '@dtm/read-model';

/** The tables of one schema that events are projected into. */
export type Tables = ReturnType<typeof tablesOf>;

export function tablesOf(database: Database, schema: string) {
  return {
    checkpoint: `"${schema}".checkpoint`,
    repository: new Table<RepositoryRecord>(database, Repository, schema),
    tag: new Table<TagRecord>(database, Tag, schema),
    digestChange: new Table<DigestChangeRecord>(database, DigestChange, schema),
    manifest: new Table<ManifestRecord>(database, Manifest, schema),
    manifestEvent: new Table<ManifestEventRecord>(database, ManifestEvent, schema),
    changeMonth: new Table<ChangeMonthRecord>(database, ChangeMonth, schema),
    scanDay: new Table<ScanDayRecord>(database, ScanDay, schema),
    scanHour: new Table<ScanHourRecord>(database, ScanHour, schema),
    trackingEvent: new Table<TrackingEventRecord>(database, TrackingEvent, schema),
    scanGap: new Table<ScanGapRecord>(database, ScanGap, schema),
    tagGap: new Table<TagGapRecord>(database, TagGap, schema),
  };
}
