import { z } from 'zod';

/** References that one request may name. */
export const MAX_REFERENCES = 100;

/** Body of `POST /api/v1/tags`. */
export const trackBody = z.strictObject(
  {
    references: z
      .array(z.string({ error: 'a text such as "nginx" or "ghcr.io/owner/name:tag"' }), {
        error: `a list of 1 to ${MAX_REFERENCES} references`,
      })
      .min(1, `at least one reference`)
      .max(MAX_REFERENCES, `at most ${MAX_REFERENCES} references at once`)
      .describe('In the shorthands of `docker pull`'),
  },
  { error: 'a JSON object such as {"references": ["nginx"]}, with nothing else in it' },
);
