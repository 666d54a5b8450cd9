import { z } from 'zod';
import { Trouble } from '../failure.ts';

/** Lifetime where the token service names none, and the least that is believed: shorter ones are a known mistake. */
const LEAST_SECONDS = 60;
const LONGEST_SECONDS = 24 * 60 * 60;
/** Part of the lifetime after which a new token is fetched. */
const USED_PART = 0.85;

const body = z.object({
  token: z.string().optional().catch(undefined),
  access_token: z.string().optional().catch(undefined),
  expires_in: z.number().optional().catch(undefined),
});

/**
 * Reads a token service's answer, whatever content type it has. The lifetime counts from the receipt: `issued_at` comes
 * from another clock.
 */
export function parseTokenAnswer(bytes: Buffer, receivedAt: number): { token: string; refreshAt: number } {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new Trouble('bad-answer', 'the token service answered something that is not JSON');
  }
  const parsed = body.safeParse(json);
  const token = parsed.data?.token || parsed.data?.access_token;
  if (token === undefined || token === '')
    throw new Trouble('bad-answer', 'the token service answered without a token');
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new Trouble('bad-answer', 'the token service answered a token that cannot be sent');
  const seconds = Math.min(LONGEST_SECONDS, Math.max(LEAST_SECONDS, parsed.data?.expires_in ?? LEAST_SECONDS));
  return { token, refreshAt: receivedAt + seconds * 1000 * USED_PART };
}
