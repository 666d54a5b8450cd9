import {
  CHANGE_KINDS,
  FREQUENCY_INTERVALS,
  TAG_STATES,
  TRACK_OUTCOMES,
  type AvailableTags,
  type Change,
  type ChangeMessage,
  type Frequency,
  type Page,
  type Problem,
  type ScanDays,
  type ScanMessage,
  type ScanNowResponse,
  type SourceInfo,
  type SystemStatus,
  type TagDetails,
  type TagSummary,
  type TrackResponse,
} from '@dtm/api-contract';
import { TRACKED_BY } from '@dtm/events';
import { z } from 'zod';

const time = z.iso.datetime({ offset: true });
const digest = z.string().describe('`algorithm:hex`');
const count = z.int().min(0);
const seconds = z.number().min(0);
const canonical = z.string().describe('Canonical reference, as `docker.io/library/nginx:latest`');

const summaryFields = {
  reference: canonical,
  registry: z.string(),
  repository: z.string(),
  tag: z.string(),
  state: z
    .enum(TAG_STATES)
    .describe(
      'The first that holds: `untracked`, `gone`, `expired`, `unreachable` (two failed scans in a row), `pending` (no scan yet), `inactive` (past the cut-off), `active`',
    ),
  trackedSince: time.nullable().describe('Null for a tag known from an import alone'),
  trackedBy: z.enum(TRACKED_BY).nullable(),
  digest: digest
    .nullable()
    .describe('What it points to, as last observed; null before the first observation and while it is gone'),
  platforms: z.array(z.string()).describe('`os/architecture[/variant]`; empty where not known'),
  lastScannedAt: time.nullable().describe('When a scan last covered it'),
  lastChangedAt: time.nullable().describe('When a change was last observed'),
  lastPushedAt: z
    .object({
      at: time,
      source: z.string().describe("`registry`: the registry's API; `image`: build date in the image config"),
    })
    .nullable(),
  changeCount: count.describe('Changes observed or imported; the baseline is none'),
  sparkline: z.array(count).length(12).describe('Changes in each of the last 12 months (UTC), oldest first'),
  failure: z
    .string()
    .nullable()
    .describe('Why the last scan failed, in words, while the state is `unreachable`; null otherwise'),
};

/** Wire types as zod schemas: what the OpenAPI document shows, and what answers are checked against in tests. */
export const tagSummarySchema = z
  .strictObject(summaryFields)
  .describe('One tag as lists show it') satisfies z.ZodType<TagSummary>;

export const tagDetailsSchema = z
  .strictObject({
    ...summaryFields,
    cadence: z
      .strictObject({
        changes30d: count,
        changes90d: count,
        changes365d: count,
        medianGapSeconds: seconds.nullable().describe('Null before the second change'),
        longestGapSeconds: seconds.nullable().describe('Null before the second change'),
        watchedSince: time.nullable().describe('When the record of it begins'),
      })
      .describe('How often it changes'),
    coverage: z
      .strictObject({
        since: time.nullable().describe('First observation here; imported history is from before'),
        recentGaps: z
          .array(z.strictObject({ from: time, to: time }))
          .describe('Times of the last 60 days in which no scan answered for two intervals or more'),
      })
      .describe('How well it was watched'),
    nextScanAt: time
      .nullable()
      .describe('When it is due next; null where nothing plans it or the scheduler does not answer'),
    nextScanReason: z.string().nullable().describe('Why then, or why there is none, in words'),
  })
  .describe('One tag with all that is known of it') satisfies z.ZodType<TagDetails>;

export const changeSchema = z
  .strictObject({
    sequence: count.describe('Sequence in the stream HISTORY'),
    digest: digest.nullable().describe('Null for a disappearance'),
    previousDigest: digest.nullable().describe('Null for a baseline'),
    notBefore: time.nullable().describe('It happened after this; null for a baseline'),
    observedAt: time.describe('It happened not later than this'),
    pushedAt: time.nullable().describe('When the registry says that it was pushed'),
    source: z.string().describe('How it is known: `head`, `get`, or the name of an import'),
    kind: z
      .enum(CHANGE_KINDS)
      .describe(
        'The first digest seen, another digest, the disappearance of the tag, or its return with the same digest',
      ),
  })
  .describe('One entry of the history of a tag') satisfies z.ZodType<Change>;

export const frequencySchema = z
  .strictObject({
    interval: z.enum(FREQUENCY_INTERVALS),
    buckets: z.array(z.strictObject({ start: time.describe('First instant of the bucket'), changes: count })).max(520),
  })
  .describe('Changes per week or month, oldest first, empty ones included') satisfies z.ZodType<Frequency>;

export const trackResponseSchema = z
  .strictObject({
    results: z
      .array(
        z.strictObject({
          reference: z.string().describe('Canonical, or as given where it is invalid'),
          outcome: z.enum(TRACK_OUTCOMES).describe('`not-found`: missing or private, registries do not tell which'),
          reason: z
            .string()
            .exactOptional()
            .describe('In words; for every outcome but `tracked` and `already-tracked`'),
        }),
      )
      .describe('In the order asked'),
  })
  .describe('What became of each reference') satisfies z.ZodType<TrackResponse>;

export const scanNowResponseSchema = z
  .strictObject({ reference: canonical, dueAt: time.describe('When its repository was noted as due') })
  .describe('The repository is due') satisfies z.ZodType<ScanNowResponse>;

export const availableTagsSchema = z
  .strictObject({
    items: z.array(z.strictObject({ tag: z.string(), tracked: z.boolean() })).describe('Newest version first'),
    more: count.describe('How many more match the filter'),
  })
  .describe('Tags of a repository, asked from its registry just now') satisfies z.ZodType<AvailableTags>;

export const scanDaysSchema = z
  .strictObject({
    items: z
      .array(
        z.strictObject({
          day: z.iso.date(),
          succeeded: count,
          failed: count,
          averageDurationSeconds: seconds.describe('Of the scans that succeeded; 0 without any'),
          requests: count.describe('HTTP requests to registries'),
        }),
      )
      .describe('Oldest first, days without scans included as zero'),
  })
  .describe('Scans of repositories per day (UTC)') satisfies z.ZodType<ScanDays>;

export const statusSchema = z
  .strictObject({
    version: z.string(),
    counts: z.strictObject({
      tags: count.describe('Tags with a record, tracked or not'),
      tracked: count,
      repositories: count,
      registries: count,
      changes: count,
    }),
    registries: z.array(
      z.strictObject({
        registry: z.string(),
        tags: count,
        repositories: count,
        rate: z.number().nullable().describe('Requests per second that it is asked at most at present'),
        haltedUntil: time.nullable().describe('Nothing is sent to it before; null where it is not halted'),
        lastError: z.strictObject({ at: time, message: z.string() }).nullable(),
        requestsPerObservation: z.number().nullable().describe('Last 24 hours; null without observations'),
      }),
    ),
    projection: z.strictObject({
      lag: count.nullable().describe('Events that are not projected yet; null where NATS does not answer'),
      projectedUntil: time
        .nullable()
        .describe('When the newest projected event was observed or done; imported history does not count'),
    }),
  })
  .describe('How the whole system is getting on') satisfies z.ZodType<SystemStatus>;

export const sourceSchema = z
  .strictObject({
    version: z.string(),
    url: z.url().nullable().describe('Null where the operator wants no link'),
    stars: count.nullable().describe('As its host said within the last hour; null where that cannot be had'),
  })
  .describe('The program that answers, and where its source code is') satisfies z.ZodType<SourceInfo>;

export const problemSchema = z
  .strictObject({
    type: z.string().describe('`urn:docker-tag-monitor:problem:<kind>`'),
    title: z.string().describe('What is wrong and what to do about it'),
    status: z.int(),
    detail: z.string().exactOptional(),
    instance: z.string().exactOptional().describe('`urn:docker-tag-monitor:request:<x-request-id>`'),
    errors: z
      .array(z.strictObject({ field: z.string(), message: z.string() }))
      .exactOptional()
      .describe('The faulty fields of the body or query'),
  })
  .describe('RFC 9457') satisfies z.ZodType<Problem>;

export const changeMessageSchema = z
  .strictObject({ reference: canonical, change: changeSchema })
  .describe('Data of a Server-Sent Event `change`; its id is `change.sequence`') satisfies z.ZodType<ChangeMessage>;

export const scanMessageSchema = z
  .strictObject({
    registry: z.string(),
    repository: z.string(),
    finishedAt: time,
    succeeded: z.boolean(),
    changes: count.describe('Changes recorded by it'),
    error: z.string().nullable().describe('In words, where it failed'),
    failures: z
      .array(z.strictObject({ tag: z.string(), reason: z.string() }))
      .describe('Tags that gave no answer although the scan as a whole did'),
  })
  .describe(
    'Data of a Server-Sent Event `scan`, without id: a scan of a repository ended',
  ) satisfies z.ZodType<ScanMessage>;

/** A line of the export. */
export const exportedChangeSchema = z
  .strictObject({ reference: canonical, ...changeSchema.shape })
  .describe('One line of the export');

/** A part of a list. */
export function pageSchema<T extends z.ZodType>(item: T): z.ZodType<Page<z.infer<T>>> {
  return z
    .strictObject({
      items: z.array(item),
      total: count.exactOptional().describe('Entries in the whole list; omitted where counting them would be dear'),
      page: z.int().min(1).exactOptional().describe('Number of this page; omitted where a cursor was given'),
      pages: count.exactOptional(),
      next: z.string().nullable().describe('Cursor of the next page; null on the last'),
    })
    .describe('A part of a list');
}

export const tagPageSchema = pageSchema(tagSummarySchema);
export const changePageSchema = pageSchema(changeSchema);
