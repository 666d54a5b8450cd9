import type { z } from 'zod';
import { availableTagsQuery } from '../available-tags/available-tags-controller.ts';
import { changesQuery } from '../changes/changes-controller.ts';
import { frequencyQuery } from '../frequency/frequency-controller.ts';
import { eventsQuery } from '../live/live-controller.ts';
import { scanDaysQuery, scanNowBody } from '../scans/scans-controller.ts';
import { listTagsQuery } from '../tags/tags-controller.ts';
import { trackBody } from '../tracking/track-request.ts';
import * as schemas from './schemas.ts';

/** One call as the document describes it. */
export interface Operation {
  method: 'get' | 'post' | 'delete';
  path: string;
  id: string;
  group: 'Tags' | 'Scans' | 'System';
  summary: string;
  description?: string;
  query?: z.ZodObject;
  body?: { name: string; schema: z.ZodType; example: unknown };
  /** `schema` names a component; without one the answer has no body. */
  answer: { status: number; description: string; schema?: string; contentType?: string };
  /** Statuses of problems, besides 429 and 500, which every call can answer with. */
  problems: number[];
  admin?: true;
  headers?: { name: string; description: string }[];
}

/** Schemas that the document names. */
export const COMPONENTS: Readonly<Record<string, z.ZodType>> = {
  TagSummary: schemas.tagSummarySchema,
  TagPage: schemas.tagPageSchema,
  TagDetails: schemas.tagDetailsSchema,
  Change: schemas.changeSchema,
  ChangePage: schemas.changePageSchema,
  ExportedChange: schemas.exportedChangeSchema,
  Frequency: schemas.frequencySchema,
  TrackRequest: trackBody,
  TrackResponse: schemas.trackResponseSchema,
  AvailableTags: schemas.availableTagsSchema,
  ScanNowRequest: scanNowBody,
  ScanNowResponse: schemas.scanNowResponseSchema,
  ScanDays: schemas.scanDaysSchema,
  SystemStatus: schemas.statusSchema,
  SourceInfo: schemas.sourceSchema,
  ChangeMessage: schemas.changeMessageSchema,
  ScanMessage: schemas.scanMessageSchema,
  Problem: schemas.problemSchema,
};

export const OPERATIONS: readonly Operation[] = [
  {
    method: 'get',
    path: '/api/v1/tags',
    id: 'listTags',
    group: 'Tags',
    summary: 'List tags',
    query: listTagsQuery,
    answer: { status: 200, description: 'A page of tags', schema: 'TagPage' },
    problems: [400, 503],
  },
  {
    method: 'post',
    path: '/api/v1/tags',
    id: 'trackTags',
    group: 'Tags',
    summary: 'Track tags',
    description:
      'Each reference is checked, and its registry is asked whether the tag exists. The answer tells what became of each, in the order asked; a fault of one does not hold up the others.',
    body: { name: 'TrackRequest', schema: trackBody, example: { references: ['nginx', 'ghcr.io/owner/name:1.0'] } },
    answer: { status: 200, description: 'What became of each reference', schema: 'TrackResponse' },
    problems: [400, 413, 415, 503],
  },
  {
    method: 'get',
    path: '/api/v1/tags/{reference}',
    id: 'getTag',
    group: 'Tags',
    summary: 'One tag with all that is known of it',
    description:
      'Counts as a view: a tag that nobody views for IMAGE_LAST_ACCESSED_MAX_AGE expires, a view of an expired one revives it. A view never adds a tag.',
    answer: { status: 200, description: 'The tag', schema: 'TagDetails' },
    problems: [400, 404, 503],
  },
  {
    method: 'delete',
    path: '/api/v1/tags/{reference}',
    id: 'untrackTag',
    group: 'Tags',
    summary: 'Stop tracking a tag',
    description: 'Its history stays; its state becomes `untracked`.',
    answer: { status: 204, description: 'It is not tracked any more' },
    problems: [400, 401, 403, 404, 503],
    admin: true,
  },
  {
    method: 'get',
    path: '/api/v1/tags/{reference}/changes',
    id: 'listChanges',
    group: 'Tags',
    summary: 'The history of a tag, newest first',
    description: 'The baseline is included. Each change happened after `notBefore` and not later than `observedAt`.',
    query: changesQuery,
    answer: { status: 200, description: 'A page of changes', schema: 'ChangePage' },
    problems: [400, 404, 503],
  },
  {
    method: 'get',
    path: '/api/v1/tags/{reference}/frequency',
    id: 'countChanges',
    group: 'Tags',
    summary: 'Changes of a tag per week or month',
    description: 'From the bucket of the baseline to the current one unless asked otherwise; the newest 520 at most.',
    query: frequencyQuery,
    answer: { status: 200, description: 'Oldest first, empty buckets included', schema: 'Frequency' },
    problems: [400, 404, 503],
  },
  {
    method: 'get',
    path: '/api/v1/repositories/{repository}/available-tags',
    id: 'listAvailableTags',
    group: 'Tags',
    summary: 'Which tags a repository has, asked live',
    description:
      'Signatures, attestations and other artifacts attached to images are left out; tags that name one build for ever are last.',
    query: availableTagsQuery,
    answer: { status: 200, description: 'Newest version first', schema: 'AvailableTags' },
    problems: [400, 403, 404, 502, 503],
  },
  {
    method: 'get',
    path: '/api/v1/export/changes.ndjson',
    id: 'exportChanges',
    group: 'Tags',
    summary: 'The whole history as a stream',
    description: 'One JSON object a line, in order of sequence.',
    answer: {
      status: 200,
      description: 'One change a line',
      schema: 'ExportedChange',
      contentType: 'application/x-ndjson',
    },
    problems: [503],
  },
  {
    method: 'post',
    path: '/api/v1/scans',
    id: 'scanNow',
    group: 'Scans',
    summary: 'Scan the repository of a tag now',
    description: 'Limited to some dozens a minute and client.',
    body: { name: 'ScanNowRequest', schema: scanNowBody, example: { reference: 'docker.io/library/nginx:latest' } },
    answer: { status: 202, description: 'The repository is due', schema: 'ScanNowResponse' },
    problems: [400, 404, 413, 415, 503],
  },
  {
    method: 'get',
    path: '/api/v1/scans/days',
    id: 'listScanDays',
    group: 'Scans',
    summary: 'Scans per day',
    query: scanDaysQuery,
    answer: { status: 200, description: 'Oldest first', schema: 'ScanDays' },
    problems: [400, 503],
  },
  {
    method: 'get',
    path: '/api/v1/events',
    id: 'events',
    group: 'System',
    summary: 'What happens, as it happens (Server-Sent Events)',
    description:
      'Event `change` (data: ChangeMessage, id: its sequence in HISTORY) and event `scan` (data: ScanMessage, without id). A client that names the last id it has seen is told first what it missed; browsers do so by themselves. A comment every 15 s keeps the connection open.',
    query: eventsQuery,
    headers: [{ name: 'Last-Event-ID', description: 'Id of the last event seen; what happened since is told first' }],
    answer: {
      status: 200,
      description: 'The stream; it does not end',
      schema: 'ChangeMessage',
      contentType: 'text/event-stream',
    },
    problems: [400, 503],
  },
  {
    method: 'get',
    path: '/api/v1/status',
    id: 'getStatus',
    group: 'System',
    summary: 'How the whole system is getting on',
    answer: { status: 200, description: 'Counts, registries, projection', schema: 'SystemStatus' },
    problems: [503],
  },
  {
    method: 'get',
    path: '/api/v1/source',
    id: 'getSource',
    group: 'System',
    summary: 'Version of this program and where its source code is',
    answer: { status: 200, description: 'Version, address, stars', schema: 'SourceInfo' },
    problems: [],
  },
];
