import { STATUS_CODES } from 'node:http';
import { Trouble } from './failure.ts';
import type { JsonLimit } from './limits.ts';
import { statusTrouble } from './status-trouble.ts';
import { boundedJson } from './transport/bounded-json.ts';
import { decodedBody } from './transport/decoded-body.ts';
import type { Answer, Headers } from './transport/exchange.ts';
import type { Authorization } from './transport/registry-requests.ts';

/** A repository that an API is asked about, or a registry as a whole (`repository` is empty then). */
export interface ApiSubject {
  /** Canonical: its budget pays for the request, wherever the API lies. */
  readonly registry: string;
  readonly repository: string;
  toString(): string;
}

/** A question to a registry's own API, beside the OCI protocol. Only asks: nothing is ever changed at a registry. */
export interface ApiQuestion {
  /** What is done, as it stands in failures: `list the tags of`. */
  operation: string;
  /** Path and query at the registry; a URL where the API lies at another host. */
  target: string | URL;
  /** Sent as JSON by POST; absent: GET. */
  post?: unknown;
  /** Default `challenge`. An API at another host gets nothing but a header that is given here. */
  authorization?: Authorization;
  /** The scope of the token, where it is not the one to pull. */
  scope?: string;
  accept?: string;
  /** Further headers, names and values in turn. */
  headers?: string[];
  /** Bytes, after decompression. Default: those of a page of rows. */
  maxBytes?: number;
  /** The answer holds all that is known of a repository, and may be larger; for hosts that are known by name. */
  whole?: boolean;
  purpose?: 'api' | 'tags' | 'blob';
  /** The API counts on its own account: its limits are for the caller to see, and do not halt the registry. */
  ownLimits?: boolean;
}

/** What an API answered: any status but a redirect and, unless `ownLimits`, a rate limit. */
export class ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** When the request was sent, after tokens and redirects. */
  readonly sentAt: Date;
  readonly receivedAt: Date;
  /** HTTP requests, tokens and redirects included. */
  readonly requests: number;
  readonly #answer: Answer;
  readonly #limit: JsonLimit;
  #size = 0;

  constructor(answer: Answer, limit: JsonLimit, requests: number) {
    this.status = answer.status;
    this.headers = answer.headers;
    this.sentAt = answer.sentAt;
    this.receivedAt = answer.receivedAt;
    this.requests = requests;
    this.#answer = answer;
    this.#limit = limit;
  }

  /** The body without its compression. Throws `Trouble`. */
  bytes(): Buffer {
    const bytes = decodedBody(this.#answer, this.#limit.bytes, 'its answer');
    this.#size = bytes.length;
    return bytes;
  }

  /**
   * The body of a success, parsed. Throws `Trouble`: of code `not-found` for a 404, others by what they mean. `also`: a
   * further status whose body is of use.
   */
  json(also = 200): unknown {
    if (this.status === 404) throw new Trouble('not-found', 'its API has no such repository');
    if (this.status !== 200 && this.status !== also) throw statusTrouble(this.status);
    try {
      return boundedJson(this.bytes(), this.#limit.values, 'its answer');
    } catch (error) {
      if (error instanceof Trouble) throw error;
      throw new Trouble('bad-answer', 'its API answered something that is not JSON');
    }
  }

  /** Bytes of the body, after decompression; 0 until it was read. */
  get size(): number {
    return this.#size;
  }

  /** `403 Forbidden` */
  get statusLine(): string {
    const phrase = STATUS_CODES[this.status];
    return phrase === undefined ? String(this.status) : `${this.status} ${phrase}`;
  }
}
