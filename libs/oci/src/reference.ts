import { DOCKER_HUB, looksLikeRegistry, parseRegistryHost, printable } from './registry-host.ts';
import { remembering } from './remembering.ts';

/** Bound of distribution/reference on a repository's path. */
export const REPOSITORY_MAX_LENGTH = 255;
/** Bound of the OCI distribution spec on a tag. */
export const TAG_MAX_LENGTH = 128;
/** Longest text that is looked at: registry, repository, tag and their separators. */
export const REFERENCE_MAX_LENGTH = 700;

const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TOO_LONG = `it is longer than ${REFERENCE_MAX_LENGTH} characters`;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Why a text is no reference, in words that a user can act on. */
export class InvalidReference {
  readonly text: string;
  readonly reason: string;
  constructor(text: string, reason: string) {
    this.text = printable(text);
    this.reason = reason;
  }
}

/** True where parsing failed. */
export function isInvalid(parsed: object): parsed is InvalidReference {
  return parsed instanceof InvalidReference;
}

/** A repository in a registry, canonical: `docker.io/library/nginx`. */
export class RepositoryName {
  readonly registry: string;
  readonly repository: string;

  private constructor(registry: string, repository: string) {
    this.registry = registry;
    this.repository = repository;
  }

  /** Reads `[registry/]repository` with the shorthands of `docker pull`. */
  static parse(text: string): RepositoryName | InvalidReference {
    const parsed = text.length > REFERENCE_MAX_LENGTH ? TOO_LONG : parseName(trimBlanks(text));
    return typeof parsed === 'string' ? new InvalidReference(text, parsed) : RepositoryName.#make(parsed);
  }

  /** Of parts that are canonical already; throws where they are not. */
  static of(registry: string, repository: string): RepositoryName {
    const parsed = parseName(`${registry}/${repository}`);
    if (typeof parsed === 'string')
      throw new Error(`not a repository: ${printable(`${registry}/${repository}`)}: ${parsed}`);
    if (parsed.registry !== registry || parsed.repository !== repository) {
      throw new Error(`not a canonical repository: ${printable(`${registry}/${repository}`)}`);
    }
    return RepositoryName.#make(parsed);
  }

  static #make(parts: Readonly<NameParts>): RepositoryName {
    return new RepositoryName(parts.registry, parts.repository);
  }

  /** The reference of one of this repository's tags; throws where the tag breaks the grammar. */
  tag(tag: string): Reference {
    return Reference.within(this, tag);
  }

  toString(): string {
    return `${this.registry}/${this.repository}`;
  }
}

/**
 * What a tag is called, canonical: `docker.io/library/nginx:latest`. Docker Hub's aliases, `library/` and the default
 * tag are resolved in `parse` and nowhere else.
 */
export class Reference {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;

  private constructor(registry: string, repository: string, tag: string) {
    this.registry = registry;
    this.repository = repository;
    this.tag = tag;
  }

  /** Reads `[registry/]repository[:tag]` with the shorthands of `docker pull`; a digest is refused, as it can never change. */
  static parse(text: string): Reference | InvalidReference {
    const fault = (reason: string): InvalidReference => new InvalidReference(text, reason);
    if (text.length > REFERENCE_MAX_LENGTH) return fault(TOO_LONG);
    const trimmed = trimBlanks(text);
    if (trimmed === '') return fault('it is empty');
    if (trimmed.includes('@')) return fault('it names a digest, which never changes: name a tag instead');
    const slash = trimmed.lastIndexOf('/');
    const colon = trimmed.indexOf(':', slash + 1);
    const name = colon < 0 ? trimmed : trimmed.slice(0, colon);
    const tag = colon < 0 ? 'latest' : trimmed.slice(colon + 1);
    const parsed = parseName(name);
    if (typeof parsed === 'string') return fault(parsed);
    if (!isTag(tag)) return fault(tagFault(tag));
    return new Reference(parsed.registry, parsed.repository, tag);
  }

  /** Of parts that are canonical already, as events and read models hold them; throws where they are not. */
  static of(registry: string, repository: string, tag: string): Reference {
    return Reference.within(RepositoryName.of(registry, repository), tag);
  }

  /** A tag of a repository that was parsed already: scans make one for each observation. Throws where the tag breaks the grammar. */
  static within(name: RepositoryName, tag: string): Reference {
    if (!isTag(tag)) throw new Error(`not a tag: ${tagFault(tag)}`);
    return new Reference(name.registry, name.repository, tag);
  }

  /** The repository that holds the tag. */
  get name(): RepositoryName {
    return RepositoryName.of(this.registry, this.repository);
  }

  toString(): string {
    return `${this.registry}/${this.repository}:${this.tag}`;
  }
}

/** Whether a text is a tag by the OCI distribution spec: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

interface NameParts {
  registry: string;
  repository: string;
}

/** Blanks around a pasted reference are forgiven; line breaks, tabs and what else `trim` takes away are control characters. */
function trimBlanks(text: string): string {
  return text.replace(/^ +/, '').replace(/ +$/, '');
}

function parseName(text: string): Readonly<NameParts> | string {
  return text.length > REFERENCE_MAX_LENGTH ? parseNewName(text) : parseKnownName(text);
}

/** Repositories that are remembered in the process. */
const REMEMBERED = 10_000;
const parseKnownName = remembering<Readonly<NameParts> | string>(REMEMBERED, parseNewName);

function parseNewName(text: string): NameParts | string {
  if (text === '') return 'it is empty';
  if (text.includes('://')) return 'it starts with a scheme: write the registry without "https://"';
  if (/[^\x21-\x7e]/.test(text)) return 'it has spaces, control characters or letters outside ASCII';
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  const named = slash >= 0 && looksLikeRegistry(first);
  const host = named ? parseRegistryHost(first) : { host: DOCKER_HUB };
  if ('reason' in host) {
    return first !== first.toLowerCase() && !/[.:[\]]/.test(first) ? upperCaseFault(first) : host.reason;
  }
  if (named && first !== first.toLowerCase() && !/[.:[\]]/.test(first)) return upperCaseFault(first);
  const path = named ? text.slice(slash + 1) : text;
  const fault = pathFault(path);
  if (fault !== null) return fault;
  const repository = host.host === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path;
  if (repository.length > REPOSITORY_MAX_LENGTH)
    return `the repository is longer than ${REPOSITORY_MAX_LENGTH} characters`;
  return { registry: host.host, repository };
}

function pathFault(path: string): string | null {
  if (path === '') return 'it names no repository';
  if (path.length > REPOSITORY_MAX_LENGTH) return `the repository is longer than ${REPOSITORY_MAX_LENGTH} characters`;
  for (const component of path.split('/')) {
    if (component === '') return 'it has an empty part between slashes';
    if (component !== component.toLowerCase()) return upperCaseFault(component);
    if (!PATH_COMPONENT.test(component)) {
      return `"${printable(component)}" is not part of a repository name: lower-case letters and digits, parted by ".", "_", "__" or "-"`;
    }
  }
  return null;
}

function upperCaseFault(part: string): string {
  return `"${printable(part)}" has capital letters: a repository name is lower case`;
}

function tagFault(tag: string): string {
  if (tag === '') return 'there is a colon but no tag behind it';
  if (tag.length > TAG_MAX_LENGTH) return `the tag is longer than ${TAG_MAX_LENGTH} characters`;
  return `"${printable(tag)}" is not a tag: letters, digits, "_", "." and "-", not starting with "." or "-"`;
}
