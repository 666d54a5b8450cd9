import type { Change } from './tags.ts';

/** Server-Sent Event `change`; its id is `change.sequence`. */
export interface ChangeMessage {
  reference: string;
  change: Change;
}

/** Server-Sent Event `scan`, without an id: a scan of a repository ended. */
export interface ScanMessage {
  registry: string;
  repository: string;
  finishedAt: string;
  succeeded: boolean;
  /** Changes recorded by it. */
  changes: number;
  /** In words, where it failed. */
  error: string | null;
  /** Tags that gave no answer although the scan as a whole did. */
  failures: { tag: string; reason: string }[];
}

/** RFC 9457, `application/problem+json`. */
export interface Problem {
  type: string;
  /** In words that a user can act on. */
  title: string;
  status: number;
  detail?: string;
  /** Names the request by its id, as the header `x-request-id` and our log do: `urn:docker-tag-monitor:request:<id>`. */
  instance?: string;
  /** The faulty fields, where it is the request's body or query. */
  errors?: { field: string; message: string }[];
}
