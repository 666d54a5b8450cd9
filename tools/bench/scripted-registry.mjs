import { createServer } from 'node:http';
import { MEDIA_TYPE } from './manifests.mjs';

/** What a registry was asked, by kind. @typedef {{ list: number, head: number, token: number, refused: number }} Counts */

const TOKEN_SECONDS = 300;
const MANIFEST = /^\/v2\/(.+)\/manifests\/([^/]+)$/;

/**
 * A registry with an API of its own, which answers as the real ones do and counts what it is asked. Manifests, and what an API
 * says so of, are shown to whoever has a token for them, which ends after five minutes of the tags' own clock.
 */
export class ScriptedRegistry {
  /** @type {Counts} */
  #counts = { list: 0, head: 0, token: 0, refused: 0 };
  #tags;
  #options;
  #server = createServer((request, response) => {
    /** @type {Buffer[]} */
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const answer = this.#answer(request, Buffer.concat(chunks).toString('utf8'));
      const body = answer.json === undefined || request.method === 'HEAD' ? '' : JSON.stringify(answer.json);
      response.writeHead(answer.status ?? 200, { 'content-length': Buffer.byteLength(body), ...answer.headers });
      response.end(body);
    });
  });

  /**
   * @param {import('./scripted-tags.mjs').ScriptedTags} tags
   * @param {{ api: import('./scripted-apis.mjs').Api | null, wantsTokens: boolean }} options
   */
  static async start(tags, options) {
    const registry = new ScriptedRegistry(tags, options);
    await new Promise((resolve) => registry.#server.listen(0, '127.0.0.1', () => resolve(undefined)));
    return registry;
  }

  /**
   * @param {import('./scripted-tags.mjs').ScriptedTags} tags
   * @param {{ api: import('./scripted-apis.mjs').Api | null, wantsTokens: boolean }} options
   */
  constructor(tags, options) {
    this.#tags = tags;
    this.#options = options;
  }

  get host() {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  /** What was counted since the last time. */
  take() {
    const taken = this.#counts;
    this.#counts = { list: 0, head: 0, token: 0, refused: 0 };
    return taken;
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** @param {import('node:http').IncomingMessage} request @param {string} body @returns {import('./scripted-apis.mjs').Answer} */
  #answer({ method, url: path = '', headers }, body) {
    const url = new URL(path, `http://${this.host}`);
    if (url.pathname === '/token') return this.#token(url);
    const [, repository = '', tag] = MANIFEST.exec(url.pathname) ?? [];
    const answer =
      method === 'HEAD'
        ? this.#manifest(repository, tag)
        : this.#options.api?.({ url, body, etag: headers['if-none-match'], tagsOf: (name) => this.#tagsOf(name) });
    if (answer == null) throw new Error(`the scripted registry does not expect ${method} ${path}`);
    if (answer.scope !== undefined && this.#options.wantsTokens && !this.#opens(headers.authorization, answer.scope)) {
      this.#counts.refused++;
      const challenge = `Bearer realm="http://${this.host}/token",service="scripted",scope="${answer.scope}"`;
      return { status: 401, headers: { 'www-authenticate': challenge } };
    }
    this.#counts[method === 'HEAD' ? 'head' : 'list']++;
    return answer;
  }

  /** @param {string} repository @param {string | undefined} tag @returns {import('./scripted-apis.mjs').Answer} */
  #manifest(repository, tag) {
    const scope = `repository:${repository}:pull`;
    const found = this.#tagsOf(repository).find(({ name }) => name === tag);
    if (found === undefined) return { status: 404, scope };
    return { headers: { 'docker-content-digest': found.digest, 'content-type': MEDIA_TYPE }, scope };
  }

  /** @param {URL} url @returns {import('./scripted-apis.mjs').Answer} */
  #token(url) {
    this.#counts.token++;
    const ends = this.#tags.now.getTime() + TOKEN_SECONDS * 1000;
    const token = Buffer.from(`${ends} ${url.searchParams.getAll('scope').join(' ')}`).toString('base64url');
    return { json: { token, expires_in: TOKEN_SECONDS } };
  }

  /** @param {string | undefined} authorization @param {string} scope */
  #opens(authorization, scope) {
    const token = Buffer.from(authorization?.replace(/^Bearer /, '') ?? '', 'base64url').toString('utf8');
    const [ends, ...scopes] = token.split(' ');
    return Number(ends) > this.#tags.now.getTime() && scopes.includes(scope);
  }

  /** @param {string} repository */
  #tagsOf(repository) {
    const tags = this.#tags.repositories.get(repository);
    if (tags === undefined) throw new Error(`the scripted registry has no repository ${repository}`);
    return tags;
  }
}
