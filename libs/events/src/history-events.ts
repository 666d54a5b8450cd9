import { z } from 'zod';
import { digest, isCanonical, NOT_CANONICAL, sequence, tagFields, timestamp } from './fields.ts';

/** What the record held before an event: the link that makes a tag's history a verifiable chain. */
export const previousEvent = z
  .object({
    digest: digest.describe('Digest that the tag pointed to before; of a return, the last one before it disappeared'),
    lastSeenAt: timestamp.describe(
      'When the last authoritative request that still confirmed the previous state was sent: the change happened after it',
    ),
    sequence: sequence.min(1).describe('Stream sequence of the event before on this subject'),
    hash: z
      .string()
      .regex(/^[a-f0-9]{64}$/)
      .describe('SHA-256, lower-case hex, of the stored bytes of the event before on this subject'),
  })
  .describe('The event before on this subject');

export type PreviousEvent = z.infer<typeof previousEvent>;

export const digestObservedData = z
  .object({
    ...tagFields,
    digest: digest.describe('Digest that the registry named for the tag'),
    mediaType: z
      .string()
      .max(255)
      .describe('Media type of the manifest, without parameters; empty where the source names none'),
    observedAt: timestamp.describe('When the answer arrived: the change happened not later than this'),
    source: z.string().min(1).max(64).describe('How it is known: head, get, or the name of the import'),
    previous: previousEvent.nullable().describe('Null for a baseline; with another digest this event is a change'),
    reappeared: z.literal(true).optional().describe('Present where the tag had disappeared before'),
    pushedAt: timestamp.optional().describe('When the tag was last pushed, where the registry itself says so'),
  })
  .refine(isCanonical, NOT_CANONICAL)
  .describe('A tag points to a digest that the record did not hold for it before');

export type DigestObserved = z.infer<typeof digestObservedData>;

export const tagDisappearedData = z
  .object({
    ...tagFields,
    observedAt: timestamp.describe(
      'When the answer that confirmed the absence arrived: it disappeared not later than this',
    ),
    previous: previousEvent,
  })
  .refine(isCanonical, NOT_CANONICAL)
  .describe(
    'A tag that was observed is no longer there: two answers 404 at least one scan interval apart, its registry otherwise well',
  );

export type TagDisappeared = z.infer<typeof tagDisappearedData>;
