import { z } from 'zod';
import {
  count,
  isCanonical,
  NOT_CANONICAL,
  repositoryFields,
  seconds,
  sequence,
  tagName,
  timestamp,
} from './fields.ts';

/** Why a repository is scanned now. */
export const SCAN_REASONS = ['interval', 'new-tag', 'person', 'sibling-changed', 'catch-up'] as const;
export type ScanReason = (typeof SCAN_REASONS)[number];

export const scanRequestData = z
  .object({
    ...repositoryFields,
    requestedAt: timestamp.describe('When the scheduler found it due'),
    reason: z.enum(SCAN_REASONS).describe('Why it is due'),
    intervalSeconds: seconds.describe('Interval at which the repository is scanned at present'),
    skipQuietSince: timestamp
      .optional()
      .describe(
        'Tags whose last push and last change lie before this are left out this time, except latest; absent: all are scanned',
      ),
    skipQuietUntil: timestamp
      .optional()
      .describe(
        'A scan that begins then or later leaves out none, whatever skipQuietSince says: those tags are due by then; absent: it goes by skipQuietSince alone',
      ),
  })
  .refine(isCanonical, NOT_CANONICAL)
  .describe('A repository is due');
export type ScanRequest = z.infer<typeof scanRequestData>;

/** Why a scan, or the look at one tag, gave no answer that can be recorded. */
export const FAILURE_CODES = [
  'unreachable',
  'timeout',
  'refused',
  'unauthorized',
  'not-found',
  'throttled',
  'server-error',
  'bad-answer',
  'internal',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

const scanFields = {
  ...repositoryFields,
  scanId: z.string().min(1).max(64).describe('Names one run of a scan'),
  reason: z.enum(SCAN_REASONS).describe('Why the repository was scanned'),
  startedAt: timestamp.describe('When the scan began'),
  finishedAt: timestamp.describe('When it ended'),
  requests: count.describe('HTTP requests sent to the registry and its token service, redirects included'),
  trackingSequence: sequence.describe('The scan knew the TRACKING stream up to this sequence'),
  intervalSeconds: seconds.describe('Interval at which the repository was scanned at the time'),
};

export const repositoryScannedData = z
  .object({
    ...scanFields,
    adapter: z.string().min(1).max(32).describe('How the registry was asked: oci, or the name of its own API'),
    acceptVersion: count.describe('Version of the Accept list that manifests were asked with'),
    historySequence: sequence.describe('The answers were compared with the HISTORY stream up to this sequence'),
    observations: count.describe('Tags whose digest was learned'),
    changes: count.describe('Events appended to HISTORY'),
    coverage: z
      .object({
        mode: z.enum(['all-but', 'only']),
        tags: z.array(tagName),
      })
      .describe('Which tracked tags the scan looked at with an answer: all but these, or only these'),
    failures: z
      .array(z.object({ tag: tagName, code: z.enum(FAILURE_CODES), reason: z.string().max(500) }))
      .describe('Tags that were asked for and gave no answer that can be recorded; part of what is not covered'),
    missing: z.array(tagName).describe('Tags that the registry does not have at present; covered'),
    appeared: z
      .array(tagName)
      .optional()
      .describe(
        'Tags that the repository has and had not when it was last listed, tracked or not; without signatures and names of single builds, 1,000 a scan at most, the rest with the next. Absent: none that is known of',
      ),
  })
  .refine(isCanonical, NOT_CANONICAL)
  .describe('A repository was scanned; what is not named in it is as it was');
export type RepositoryScanned = z.infer<typeof repositoryScannedData>;

export const repositoryScanFailedData = z
  .object({
    ...scanFields,
    code: z.enum(FAILURE_CODES).describe('What kind of failure'),
    error: z.string().max(500).describe('What went wrong, in words'),
  })
  .refine(isCanonical, NOT_CANONICAL)
  .describe('A scan of a repository gave no answer for any tag');
export type RepositoryScanFailed = z.infer<typeof repositoryScanFailedData>;
