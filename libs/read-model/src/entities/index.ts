import { Checkpoint } from './checkpoint.ts';
import { ChangeMonth, DigestChange } from './digest-change.ts';
import { Manifest, ManifestEvent } from './manifest.ts';
import { Repository } from './repository.ts';
import { ScanDay, ScanGap, ScanHour, TagGap } from './scan-statistics.ts';
import { Tag } from './tag.ts';
import { TrackingEvent } from './tracking-event.ts';

export {
  ChangeMonth,
  Checkpoint,
  DigestChange,
  Manifest,
  ManifestEvent,
  Repository,
  ScanDay,
  ScanGap,
  ScanHour,
  Tag,
  TagGap,
  TrackingEvent,
};

/** All tables of a read model's schema. */
export const ENTITIES = [
  Checkpoint,
  Repository,
  Tag,
  DigestChange,
  ChangeMonth,
  ScanDay,
  ScanHour,
  ScanGap,
  TagGap,
  TrackingEvent,
  Manifest,
  ManifestEvent,
];
