import { type Digest, parseDigest, parseMediaType, type Reference } from '@dtm/oci';
import { z } from 'zod';
import { isUsual, type ManifestFacts, type PlatformFacts, platformOf } from '../../facts/manifest-facts.ts';
import { RegistryFailure } from '../../failure.ts';
import type { CallOptions } from '../../registry-client.ts';
import type { DockerHubApi } from './docker-hub-api.ts';

const words = z.string().optional().catch(undefined);
const imageShape = z.object({
  os: words,
  architecture: words,
  variant: words,
  digest: words,
  size: z.number().int().nonnegative().optional().catch(undefined),
});

/**
 * What a digest is by what Docker Hub's API tells of a tag, which is no pull. The API knows a tag's present digest only:
 * where that is another one, nothing is said. It names no build date. Throws `RegistryFailure`.
 */
export async function dockerHubFacts(
  api: DockerHubApi,
  reference: Reference,
  digest: Digest,
  options?: CallOptions,
): Promise<ManifestFacts> {
  const { details, requests } = await api.tag(reference, options);
  if (details.digest !== digest) {
    const reason = `Docker Hub's API does not name the digest ${digest} for it at present`;
    const operation = 'read the images of';
    throw new RegistryFailure({ code: 'not-found', operation, reference: reference.toString(), reason, requests });
  }
  const platforms = (details.images ?? []).flatMap((image) => platformFactsOf(image, digest));
  const size = (platforms.find(isUsual) ?? platforms[0])?.size ?? null;
  const mediaType = typeof details.media_type === 'string' ? (parseMediaType(details.media_type) ?? '') : '';
  return { mediaType, size, platforms, createdAt: null, requests };
}

function platformFactsOf(entry: unknown, whole: Digest): PlatformFacts[] {
  const image = imageShape.safeParse(entry).data ?? {};
  const platform = platformOf(image);
  if (platform === null) return [];
  const digest = image.digest === undefined ? null : parseDigest(image.digest);
  return [
    {
      ...platform,
      // Of an image for one platform it is the image's own.
      ...(digest === null || digest === whole ? {} : { digest }),
      ...(image.size === undefined ? {} : { size: image.size }),
    },
  ];
}
