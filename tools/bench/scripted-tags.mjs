import { digestOf, repositoryName, tagName } from './manifests.mjs';

/** @typedef {{ name: string, digest: string, version: number, changedAt: number }} ScriptedTag changedAt: epoch ms */

const DAY_MS = 86_400_000;

/** The tags of some repositories, some of which are moved now and then, and the clock by which they are. */
export class ScriptedTags {
  /** @type {Map<string, ScriptedTag[]>} */
  repositories = new Map();
  #now = Date.parse('2026-11-20T00:00:00Z');
  #random = 1;

  /** @param {import('./manifests.mjs').TagSet} set */
  constructor(set) {
    for (let repository = 0; repository < set.repositories; repository++) {
      const name = repositoryName(set, repository);
      const tags = Array.from({ length: set.tagsEach }, (_, tag) => ({
        name: tagName(tag),
        digest: digestOf(name, tagName(tag), 0),
        version: 0,
        // A tag a day, the last one yesterday.
        changedAt: this.#now - (tag + 1) * DAY_MS,
      }));
      this.repositories.set(name, tags);
    }
  }

  get now() {
    return new Date(this.#now);
  }

  get size() {
    let size = 0;
    for (const tags of this.repositories.values()) size += tags.length;
    return size;
  }

  /** Lets time pass, in which a share of all tags is moved, each at a time of its own. @param {number} ms @param {number} share */
  pass(ms, share) {
    const all = [...this.repositories].flatMap(([repository, tags]) => tags.map((tag) => ({ repository, tag })));
    for (let count = Math.round(all.length * share); count > 0; count--) {
      const [chosen] = all.splice(Math.floor(this.random() * all.length), 1);
      if (chosen === undefined) break;
      const { repository, tag } = chosen;
      tag.version++;
      tag.digest = digestOf(repository, tag.name, tag.version);
      tag.changedAt = this.#now + Math.floor(this.random() * ms);
    }
    this.#now += ms;
  }

  /** The same numbers in each run: Lehmer's generator. */
  random() {
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    return this.#random / 2_147_483_647;
  }
}

/** @param {readonly ScriptedTag[]} tags */
export function newestFirst(tags) {
  return [...tags].sort((a, b) => b.changedAt - a.changedAt);
}
