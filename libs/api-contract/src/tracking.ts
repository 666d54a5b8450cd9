/** What became of a reference that someone asked to track. */
export const TRACK_OUTCOMES = [
  'tracked',
  'already-tracked',
  'not-found',
  'invalid',
  'refused',
  'unreachable',
  'throttled',
] as const;
export type TrackOutcome = (typeof TRACK_OUTCOMES)[number];

export interface TrackRequest {
  /** 1 to 100, in the shorthands of `docker pull`. */
  references: string[];
}

export interface TrackResult {
  /** Canonical, or as given where it is invalid. */
  reference: string;
  outcome: TrackOutcome;
  /** In words; present for every outcome but `tracked` and `already-tracked`. */
  reason?: string;
}

export interface TrackResponse {
  /** In the order asked. */
  results: TrackResult[];
}

export interface ScanNowRequest {
  reference: string;
}

export interface ScanNowResponse {
  reference: string;
  /** When its repository was noted as due. */
  dueAt: string;
}

/** Tags of a repository, asked from its registry just now. */
export interface AvailableTags {
  /** Newest version first. */
  items: { tag: string; tracked: boolean }[];
  /** How many more match the filter. */
  more: number;
}
