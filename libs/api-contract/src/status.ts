/** Scans of repositories on one day (UTC). */
export interface ScanDay {
  /** `2026-11-22` */
  day: string;
  succeeded: number;
  failed: number;
  /** Seconds, of the scans that succeeded; 0 without any. */
  averageDurationSeconds: number;
  /** HTTP requests to registries. */
  requests: number;
}

export interface ScanDays {
  /** Oldest first, days without scans included as zero. */
  items: ScanDay[];
}

/** How one registry is getting on. */
export interface RegistryStatus {
  registry: string;
  /** Tags tracked there. */
  tags: number;
  repositories: number;
  /** Requests per second that it is asked at most at present. */
  rate: number | null;
  /** Nothing is sent to it before; null where it is not halted. */
  haltedUntil: string | null;
  lastError: { at: string; message: string } | null;
  /** Requests per observed digest, last 24 hours; null without observations. */
  requestsPerObservation: number | null;
}

export interface SystemStatus {
  version: string;
  counts: {
    /** Tags with a record, tracked or not. */
    tags: number;
    tracked: number;
    repositories: number;
    registries: number;
    changes: number;
  };
  registries: RegistryStatus[];
  projection: {
    /** Events in the streams that are not projected yet; null where NATS does not answer. */
    lag: number | null;
    /** When the newest projected event was observed or done; imported history does not count. */
    projectedUntil: string | null;
  };
}

/** The program that answers, and where its source code is. */
export interface SourceInfo {
  version: string;
  /** Null where the operator wants no link. */
  url: string | null;
  /** As its host said within the last hour; null where that cannot be had. */
  stars: number | null;
}
