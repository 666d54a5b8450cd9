import { isTag, parseDigest, parseRegistryHost, RepositoryName } from '@dtm/oci';
import { z } from 'zod';

/** RFC 3339 in UTC with milliseconds, as `Date.prototype.toISOString` writes it. */
export const timestamp = z.iso.datetime({ precision: 3 }).describe('RFC 3339 in UTC, milliseconds');

export const digest = z
  .string()
  .max(256)
  .regex(/^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/)
  .refine((text) => parseDigest(text) !== null, 'not a digest')
  .describe('OCI digest, algorithm:encoded');

export const sequence = z.int().min(0).describe('Sequence of a message in its stream');

export const seconds = z.number().min(0).describe('Duration in seconds');

export const count = z.int().min(0);

export const tagName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/)
  .describe('Tag by the OCI distribution spec');

/** Parts of lower-case letters and digits, parted by slashes; within a part by ".", "_", "__" or dashes. */
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

const registry = z
  .string()
  .max(259)
  .refine((text) => {
    const parsed = parseRegistryHost(text);
    return 'host' in parsed && parsed.host === text;
  }, 'not a canonical registry')
  .describe('Registry host[:port], lower case; Docker Hub is docker.io');

const repository = z
  .string()
  .max(255)
  .regex(REPOSITORY)
  .describe('Repository in the registry, official images with library/');

/** The fields that name a repository. */
export const repositoryFields = { registry, repository };

/** The fields that name a tag. */
export const tagFields = { ...repositoryFields, tag: tagName };

/**
 * Whether the parts together make a canonical repository or reference: each can be well-formed where the whole is not,
 * as `docker.io` and `nginx` without its `library/`.
 */
export function isCanonical(parts: { registry: string; repository: string; tag?: string }): boolean {
  const parsed = RepositoryName.parse(`${parts.registry}/${parts.repository}`);
  return (
    parsed instanceof RepositoryName &&
    parsed.registry === parts.registry &&
    parsed.repository === parts.repository &&
    (parts.tag === undefined || isTag(parts.tag))
  );
}

/** What a reader is told where `isCanonical` fails. */
export const NOT_CANONICAL = 'registry, repository and tag make no canonical reference';
