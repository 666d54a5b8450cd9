import { createHash } from 'node:crypto';

export const MEDIA_TYPE = 'application/vnd.oci.image.index.v1+json';

/**
 * Repositories of the same number of tags each.
 * @typedef {{ prefix: string, repositories: number, tagsEach: number }} TagSet
 */

/** @param {TagSet} set @param {number} repository */
export function repositoryName({ prefix }, repository) {
  return `bench/${prefix}-${repository}`;
}

/** @param {number} tag */
export function tagName(tag) {
  return `1.${tag}`;
}

/** All tags of a set. @param {TagSet} set @returns {Generator<{ repository: string, tag: string }>} */
export function* tagsOf(set) {
  for (let repository = 0; repository < set.repositories; repository++) {
    const name = repositoryName(set, repository);
    for (let tag = 0; tag < set.tagsEach; tag++) yield { repository: name, tag: tagName(tag) };
  }
}

/** @param {TagSet} set */
export function sizeOf({ repositories, tagsEach }) {
  return repositories * tagsEach;
}

/**
 * An index without images, its own for each tag and version: the smallest manifest that a registry takes.
 * @param {string} repository @param {string} tag @param {number} version
 */
export function manifestOf(repository, tag, version) {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE,
    manifests: [],
    annotations: { 'org.opencontainers.image.ref.name': `${repository}:${tag}`, version: String(version) },
  });
}

/** @param {string} repository @param {string} tag @param {number} version */
export function digestOf(repository, tag, version) {
  return `sha256:${createHash('sha256')
    .update(manifestOf(repository, tag, version))
    .digest('hex')}`;
}
