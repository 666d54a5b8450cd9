import { createHash } from 'node:crypto';
import { MEDIA_TYPE } from './manifests.mjs';
import { newestFirst } from './scripted-tags.mjs';

/**
 * What a request asked for and may see.
 * @typedef {{ url: URL, body: string, etag: string | undefined, tagsOf: (repository: string) => import('./scripted-tags.mjs').ScriptedTag[] }} Asked
 * @typedef {{ json?: unknown, status?: number, headers?: Record<string, string>, scope?: string }} Answer
 *   scope: of the token without which it is not given
 * @typedef {(asked: Asked) => Answer | null} Api null: it knows no such path
 */

const PAGE_SIZE = 100;
/** Images for two platforms are untagged versions beside each index. */
const CHILDREN = 2;

/** @param {number} ms */
const timeOf = (ms) => new Date(ms).toISOString();

/** @template T @param {T[]} rows @param {URL} url @param {string} [size] */
function pageOf(rows, url, size = 'page_size') {
  const [limit, page] = [
    Math.min(PAGE_SIZE, Number(url.searchParams.get(size))),
    Number(url.searchParams.get('page') ?? 1),
  ];
  return { rows: rows.slice((page - 1) * limit, page * limit), more: rows.length > page * limit };
}

/** @param {RegExp} path @param {(repository: string, asked: Asked) => Answer} answer @returns {Api} */
function at(path, answer) {
  return (asked) => {
    const [, repository] = path.exec(asked.url.pathname) ?? [];
    return repository === undefined ? null : answer(decodeURIComponent(repository), asked);
  };
}

const dockerHub = at(/^\/v2\/repositories\/(.+)\/tags\/$/, (repository, { url, tagsOf }) => {
  const tags = tagsOf(repository);
  // Upside down: without a minus the newest comes first.
  const ordered = url.searchParams.get('ordering') === 'last_updated' ? newestFirst(tags) : tags;
  const { rows, more } = pageOf(ordered, url);
  const results = rows.map(({ name, digest, changedAt }) => ({
    name,
    digest,
    media_type: MEDIA_TYPE,
    content_type: 'image',
    last_updated: timeOf(changedAt),
    tag_last_pushed: timeOf(changedAt),
  }));
  return { json: { count: tags.length, next: more ? `${url.href}&next` : null, previous: null, results } };
});

const quay = at(/^\/api\/v1\/repository\/(.+)\/tag\/$/, (repository, { url, tagsOf }) => {
  const { rows, more } = pageOf(newestFirst(tagsOf(repository)), url, 'limit');
  const tags = rows.map(({ name, digest, changedAt }) => ({
    name,
    manifest_digest: digest,
    is_manifest_list: true,
    start_ts: Math.floor(changedAt / 1000),
  }));
  return { json: { tags, page: Number(url.searchParams.get('page')), has_additional: more } };
});

const google = at(/^\/v2\/(.+)\/tags\/list$/, (repository, { tagsOf }) => {
  const tags = tagsOf(repository);
  const manifest = Object.fromEntries(
    tags.map(({ name, digest, changedAt }) => [
      digest,
      { imageSizeBytes: '1', mediaType: MEDIA_TYPE, tag: [name], timeCreatedMs: '0', timeUploadedMs: `${changedAt}` },
    ]),
  );
  return { json: { name: repository, child: [], tags: tags.map(({ name }) => name), manifest } };
});

const mcr = at(/^\/api\/v1\/catalog\/(.+)\/tags$/, (repository, { tagsOf }) => ({
  json: tagsOf(repository).map(({ name, digest, changedAt }) => ({
    name,
    digest,
    createdDate: timeOf(changedAt),
    lastModifiedDate: timeOf(changedAt),
  })),
}));

/** @type {Api} */
const ecrPublic = ({ url, body, tagsOf }) => {
  if (url.pathname !== '/describeImageTags') return null;
  const { registryAliasName, repositoryName } = JSON.parse(body);
  const imageTagDetails = tagsOf(`${registryAliasName}/${repositoryName}`).map(({ name, digest, changedAt }) => ({
    imageTag: name,
    createdAt: timeOf(changedAt),
    imageDetail: { imageDigest: digest, imagePushedAt: timeOf(changedAt) },
  }));
  return { json: { imageTagDetails } };
};

/** The slashes of a repository are encoded twice. */
const harbor = at(/^\/api\/v2\.0\/projects\/(.+)\/artifacts$/, (path, { url, tagsOf }) => {
  const repository = decodeURIComponent(path).replace('/repositories/', '/');
  const { rows } = pageOf(newestFirst(tagsOf(repository)), url);
  return {
    json: rows.map(({ name, digest, changedAt }) => ({
      digest,
      push_time: timeOf(changedAt),
      tags: [{ name, push_time: timeOf(changedAt) }],
    })),
  };
});

const acr = at(/^\/acr\/v1\/(.+)\/_tags$/, (repository, { url, tagsOf }) => {
  const tags = newestFirst(tagsOf(repository)).slice(0, Number(url.searchParams.get('n')));
  const rows = tags.map(({ name, digest, changedAt }) => ({
    name,
    digest,
    createdTime: timeOf(changedAt),
    lastUpdateTime: timeOf(changedAt),
  }));
  return { json: { imageName: repository, tags: rows }, scope: `repository:${repository}:metadata_read` };
});

/** Versions without a tag stand between those with one: those of single platforms. */
const github = at(/^\/orgs\/(.+)\/versions$/, (path, { url, etag: known, tagsOf }) => {
  const repository = path.replace('/packages/container/', '/');
  const versions = newestFirst(tagsOf(repository)).flatMap(({ name, digest, changedAt }) =>
    Array.from({ length: 1 + CHILDREN }, (_, child) => ({
      name: child === 0 ? digest : `${digest.slice(0, -1)}${child}`,
      created_at: timeOf(changedAt),
      metadata: { container: { tags: child === 0 ? [name] : [] } },
    })),
  );
  const json = pageOf(versions, url, 'per_page').rows;
  const etag = `"${createHash('sha256').update(JSON.stringify(json)).digest('hex').slice(0, 32)}"`;
  return known === etag ? { status: 304, headers: { etag } } : { json, headers: { etag } };
});

/** @type {Api} */
const zot = ({ url, tagsOf }) => {
  if (url.pathname !== '/v2/_zot/ext/search') return null;
  const [, repository = '', limit, offset] =
    /repo:"([^"]+)".*limit:(\d+),offset:(\d+)/.exec(url.searchParams.get('query') ?? '') ?? [];
  const tags = tagsOf(repository).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const Results = tags.slice(Number(offset), Number(offset) + Number(limit)).map(({ name, digest, changedAt }) => ({
    RepoName: repository,
    Tag: name,
    Digest: digest,
    TaggedTimestamp: timeOf(changedAt),
  }));
  return { json: { data: { ImageList: { Page: { TotalCount: tags.length, ItemCount: Results.length }, Results } } } };
};

const chainguard = at(/^\/v2\/(.+\/_chainguard\/history\/.+)$/, (path, { tagsOf }) => {
  const [repository = '', tag] = path.split('/_chainguard/history/');
  const { digest, changedAt } = tagsOf(repository).find(({ name }) => name === tag) ?? { digest: '', changedAt: 0 };
  return {
    json: { history: [{ updateTimestamp: timeOf(changedAt), digest }] },
    scope: `repository:${repository}:pull`,
  };
});

/** Registries' own APIs, by the adapter's name, as docs/registries.md and the vendors describe them. */
export const APIS = { dockerHub, quay, google, mcr, ecrPublic, harbor, acr, github, zot, chainguard };
