import { DOCKER_HUB, isInvalid, isTag, isWantedTag, RepositoryName } from '@dtm/oci';
import { isRegistryFailure, type RegistryFailure } from '../../failure.ts';
import type { CallOptions } from '../../registry-client.ts';
import { type DockerHubApi, type HubRepository, PAGE_SIZE } from './docker-hub-api.ts';

/** Newest tags of each popular image that are of interest. */
const TAGS_EACH = 25;

export interface PopularImage {
  repository: RepositoryName;
  /** The newest first; images only, without signatures and tags that name one build for ever. */
  tags: string[];
  pulls: number;
}

export interface PopularImages {
  /** The most pulled first. Images whose tags could not be listed are left out. */
  images: PopularImage[];
  /** What kept some or all of them away, for the log; the list is an extra that Docker Hub does not promise. */
  failure: RegistryFailure | null;
  requests: number;
}

/**
 * Docker Hub's most pulled official images, at most `count`, with the newest 25 tags of each: one request for each image, one or
 * two for the list, which shows a hundred from either end.
 */
export async function listPopular(api: DockerHubApi, count: number, options?: CallOptions): Promise<PopularImages> {
  const found: PopularImages = { images: [], failure: null, requests: 0 };
  for (const { name, pulls } of await mostPulled(api, count, found, options)) {
    if (found.failure?.code === 'throttled') break;
    try {
      const page = await api.tags(name, 1, options);
      found.requests += page.requests;
      if (page.cut) continue;
      const tags = page.tags
        .filter((tag) => tag.content_type === undefined || tag.content_type === 'image')
        .map((tag) => tag.name)
        .filter((tag): tag is string => typeof tag === 'string' && isTag(tag) && isWantedTag(tag));
      found.images.push({ repository: name, tags: tags.slice(0, TAGS_EACH), pulls });
    } catch (error) {
      noteFailure(found, error);
    }
  }
  return found;
}

async function mostPulled(
  api: DockerHubApi,
  count: number,
  found: PopularImages,
  options: CallOptions | undefined,
): Promise<{ name: RepositoryName; pulls: number }[]> {
  const byName = new Map<string, { name: RepositoryName; pulls: number }>();
  const ends = count <= 0 ? [] : count <= PAGE_SIZE ? (['first'] as const) : (['first', 'last'] as const);
  for (const end of ends) {
    try {
      const { repositories, requests } = await api.officialImages(end, options);
      found.requests += requests;
      for (const repository of repositories) {
        const name = nameOf(repository);
        if (name !== null) byName.set(name.toString(), { name, pulls: pullsOf(repository) });
      }
    } catch (error) {
      noteFailure(found, error);
    }
  }
  return [...byName.values()].sort((a, b) => b.pulls - a.pulls).slice(0, count);
}

function nameOf({ name, namespace }: HubRepository): RepositoryName | null {
  if (typeof name !== 'string') return null;
  const parsed = RepositoryName.parse(`${DOCKER_HUB}/${typeof namespace === 'string' ? namespace : 'library'}/${name}`);
  return isInvalid(parsed) ? null : parsed;
}

function pullsOf({ pull_count: pulls }: HubRepository): number {
  return typeof pulls === 'number' && pulls > 0 ? pulls : 0;
}

function noteFailure(found: PopularImages, error: unknown): void {
  if (!isRegistryFailure(error)) throw error;
  found.requests += error.requests;
  if (found.failure === null || error.code === 'throttled') found.failure = error;
}
