/** How long an answer holds, and also that there was none. */
const KEPT_MS = 3_600_000;
const DEADLINE_MS = 2_000;

/** What a code host is asked for the number of stars, and where its answer has it. */
export interface StarQuestion {
  url: string;
  field: string;
}

/** GitHub has an API host of its own; Gitea and Forgejo answer below their own address. */
export function starQuestion(sourceUrl: string): StarQuestion {
  const { origin, host, pathname } = new URL(sourceUrl);
  return host === 'github.com'
    ? { url: `https://api.github.com/repos${pathname}`, field: 'stargazers_count' }
    : { url: `${origin}/api/v1/repos${pathname}`, field: 'stars_count' };
}

/** The number of stars of a repository, asked from its host at most once an hour. */
export class StarCount {
  readonly #question: StarQuestion;
  readonly #now: () => number;
  #known: number | null = null;
  #askedAt: number | null = null;
  #asking: Promise<void> = Promise.resolve();

  constructor(sourceUrl: string, now: () => number = Date.now) {
    this.#question = starQuestion(sourceUrl);
    this.#now = now;
  }

  /** Null where it cannot be had. Only the very first caller waits for the host, and that two seconds at most. */
  async stars(): Promise<number | null> {
    const now = this.#now();
    const first = this.#askedAt === null;
    if (this.#askedAt === null || now - this.#askedAt >= KEPT_MS) {
      this.#askedAt = now;
      this.#asking = this.#ask();
    }
    if (first) await this.#asking;
    return this.#known;
  }

  async #ask(): Promise<void> {
    try {
      const answer = await fetch(this.#question.url, {
        headers: { accept: 'application/json', 'user-agent': 'docker-tag-monitor' },
        signal: AbortSignal.timeout(DEADLINE_MS),
      });
      const body: unknown = answer.ok ? await answer.json() : null;
      this.#known = countIn(body, this.#question.field);
    } catch {
      // Decoration: without it nothing is lost, and the next hour asks again.
      this.#known = null;
    }
  }
}

function countIn(body: unknown, field: string): number | null {
  const count = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[field] : null;
  return typeof count === 'number' && Number.isInteger(count) && count >= 0 ? count : null;
}
