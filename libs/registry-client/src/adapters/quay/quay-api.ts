import type { RepositoryName } from '@dtm/oci';
import { z } from 'zod';
import type { ApiQuestion } from '../../api-question.ts';
import { Trouble } from '../../failure.ts';
import type { RegistryCredentials } from '../../registry-access.ts';
import type { CallOptions, RegistryClient } from '../../registry-client.ts';

/** The most that the API gives. */
export const PAGE_SIZE = 100;

const page = z.object({
  tags: z.array(
    z.object({
      name: z.unknown().optional(),
      manifest_digest: z.unknown().optional(),
      /** Seconds since the epoch. */
      start_ts: z.unknown().optional(),
      end_ts: z.unknown().optional(),
    }),
  ),
  has_additional: z.boolean(),
});

export type QuayTag = z.infer<typeof page>['tags'][number];

export interface QuayPage {
  tags: QuayTag[];
  more: boolean;
  sentAt: Date;
  requests: number;
  /** Bytes of the answer, after decompression. */
  size: number;
}

/** Quay's own API, of quay.io and of Quays elsewhere. */
export class QuayApi {
  readonly #client: RegistryClient;
  readonly #credentialsOf: (registry: string) => RegistryCredentials | undefined;

  constructor(client: RegistryClient, credentialsOf: (registry: string) => RegistryCredentials | undefined) {
    this.#client = client;
    this.#credentialsOf = credentialsOf;
  }

  /** One page of a repository's tags, the last moved first; `history`: also what tags pointed to before. Throws `RegistryFailure`. */
  tags(name: RepositoryName, number: number, which: 'active' | 'history', options?: CallOptions): Promise<QuayPage> {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE), page: String(number) });
    if (which === 'active') query.set('onlyActiveTags', 'true');
    return this.#client.ask(
      name,
      {
        operation: which === 'active' ? 'list the tags of' : 'read the tag history of',
        // Without the slash at the end the API does not answer.
        target: `/api/v1/repository/${name.repository}/tag/?${query.toString()}`,
        authorization: this.#authorization(name.registry),
      },
      (answer) => {
        const parsed = page.safeParse(answer.json());
        if (!parsed.success) throw new Trouble('bad-answer', "Quay's API answered in another shape than it used to");
        const { tags, has_additional: more } = parsed.data;
        const { sentAt, requests, size } = answer;
        return { tags, more: more && tags.length > 0, sentAt, requests, size };
      },
      options,
    );
  }

  /** The API takes OAuth tokens; passwords of robots, which the OCI protocol wants, are of no use to it. */
  #authorization(registry: string): NonNullable<ApiQuestion['authorization']> {
    const credentials = this.#credentialsOf(registry);
    if (credentials === undefined) return 'none';
    if ('token' in credentials) return 'credentials';
    const isOauth = 'username' in credentials && credentials.username === '$oauthtoken';
    return isOauth ? { header: `Bearer ${credentials.password}` } : 'none';
  }
}

/** The last instant that events can hold. */
const END_OF_TIME = Date.UTC(9999, 11, 31);

/** A time in seconds since the epoch, as Quay's rows have it; ends of tags that expire lie in the future. */
export function secondsToDate(seconds: unknown): Date | null {
  const milliseconds = typeof seconds === 'number' ? seconds * 1000 : Number.NaN;
  return milliseconds > 0 && milliseconds < END_OF_TIME ? new Date(milliseconds) : null;
}
