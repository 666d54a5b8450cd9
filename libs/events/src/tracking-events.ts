import { z } from 'zod';
import { isCanonical, NOT_CANONICAL, tagFields, timestamp } from './fields.ts';

/** Who asked for a tag: a person, a look at an expired tag, discovery of popular images or new tags, or an import. */
export const TRACKED_BY = ['person', 'view', 'popular', 'new-tag', 'import'] as const;
export type TrackedBy = (typeof TRACKED_BY)[number];

/** Who ended it: an administrator, or the clean-up of tags that nobody looked at. */
export const UNTRACKED_BY = ['person', 'expiry'] as const;
export type UntrackedBy = (typeof UNTRACKED_BY)[number];

export const tagTrackedData = z
  .object({
    ...tagFields,
    trackedAt: timestamp.describe('When it was asked for'),
    by: z.enum(TRACKED_BY).describe('Who asked; an automatic one never overrides a person who untracked'),
  })
  .refine(isCanonical, NOT_CANONICAL)
  .describe('A tag is to be scanned from now on');
export type TagTracked = z.infer<typeof tagTrackedData>;

export const tagUntrackedData = z
  .object({
    ...tagFields,
    untrackedAt: timestamp.describe('When it was ended'),
    by: z.enum(UNTRACKED_BY).describe('Who ended it'),
  })
  .refine(isCanonical, NOT_CANONICAL)
  .describe('A tag is no longer scanned; its history stays');
export type TagUntracked = z.infer<typeof tagUntrackedData>;
