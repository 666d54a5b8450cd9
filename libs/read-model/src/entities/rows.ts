import type { InferEntity } from '@mikro-orm/core';
import type { Checkpoint } from './checkpoint.ts';
import type { ChangeMonth, DigestChange } from './digest-change.ts';
import type { Manifest, ManifestEvent } from './manifest.ts';
import type { Repository } from './repository.ts';
import type { ScanDay, ScanGap, ScanHour, TagGap } from './scan-statistics.ts';
import type { Tag } from './tag.ts';
import type { TrackingEvent } from './tracking-event.ts';

/** A row as plain data, without what MikroORM adds to an entity and what the database computes. */
type Row<Entity> = { [K in Exclude<Extract<keyof Entity, string>, 'phase' | 'activityAt' | 'search'>]: Entity[K] };

export type CheckpointRecord = Row<InferEntity<typeof Checkpoint>>;
export type RepositoryRecord = Row<InferEntity<typeof Repository>>;
export type TagRecord = Row<InferEntity<typeof Tag>>;
export type DigestChangeRecord = Row<InferEntity<typeof DigestChange>>;
export type ChangeMonthRecord = Row<InferEntity<typeof ChangeMonth>>;
export type ScanDayRecord = Row<InferEntity<typeof ScanDay>>;
export type ScanHourRecord = Row<InferEntity<typeof ScanHour>>;
export type ScanGapRecord = Row<InferEntity<typeof ScanGap>>;
export type TagGapRecord = Row<InferEntity<typeof TagGap>>;
export type ManifestRecord = Row<InferEntity<typeof Manifest>>;
export type ManifestEventRecord = Row<InferEntity<typeof ManifestEvent>>;
export type TrackingEventRecord = Row<InferEntity<typeof TrackingEvent>>;
