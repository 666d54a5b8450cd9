import { z } from 'zod';
import { count, digest, isCanonical, NOT_CANONICAL, repositoryFields, timestamp } from './fields.ts';

/** How the facts of a manifest are known: from the manifest itself, checked against its digest, or from Docker Hub's API. */
export const MANIFEST_SOURCES = ['manifest', 'docker-hub'] as const;
export type ManifestSource = (typeof MANIFEST_SOURCES)[number];

/** Platforms that an event names at most: it has to fit into a message. */
export const PLATFORMS_MAX = 1_000;

/** Reproducible builds say 1970, or earlier: that is no date. */
const FIRST_BUILD_DATE = '1971-01-01T00:00:00.000Z';

const platformName = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/);

const platform = z.object({
  os: platformName.describe('Operating system, as linux'),
  architecture: platformName.describe('CPU architecture, as amd64'),
  variant: platformName.optional().describe('Variant of the architecture, as v7'),
  digest: digest.optional().describe("Digest of the platform's own manifest; absent where it is the described one"),
  size: count.optional().describe('Bytes to download: configuration and layers, compressed; absent where not known'),
});

export const manifestDescribedData = z
  .object({
    ...repositoryFields,
    digest: digest.describe('Digest of what is described: the same one means the same content in every repository'),
    mediaType: z.string().max(255).describe('Media type, without parameters; empty where not told'),
    size: count
      .nullable()
      .describe('Bytes to download for one platform, compressed: linux/amd64 where there is one; null where not known'),
    platforms: z
      .array(platform)
      .max(PLATFORMS_MAX)
      .describe('Platforms that it is made for, in its own order; empty where it names none'),
    createdAt: timestamp
      .refine((text) => text >= FIRST_BUILD_DATE, '1970 and earlier are no dates')
      .nullable()
      .describe('When the image was built, as it says itself, never 1970 or earlier; null where it does not say'),
    describedAt: timestamp.describe('When it was read'),
    source: z.enum(MANIFEST_SOURCES).describe('How it is known: from the manifest, or from an API of its registry'),
  })
  .refine(isCanonical, NOT_CANONICAL)
  .describe('What a digest is, read once; registry and repository say where');

export type ManifestDescribed = z.infer<typeof manifestDescribedData>;
