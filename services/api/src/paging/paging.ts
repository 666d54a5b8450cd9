import type { Page } from '@dtm/api-contract';
import { z } from 'zod';
import { ProblemError } from '../problem/problem.ts';

const CURSOR = /^o:(\d{1,9})$/;

/** A whole number as a query holds it. */
export function wholeNumber(min: number, max: number): z.ZodType<number, string> {
  const message = `a whole number from ${min} to ${max}`;
  return z
    .string({ error: message })
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message)
    .meta({ type: 'integer', minimum: min, maximum: max });
}

/** `limit`, `page` and `cursor`, as every list takes them. */
export const pagingFields = {
  limit: wholeNumber(1, 100).prefault('25').describe('Entries per page'),
  page: wholeNumber(1, 1_000_000).optional().describe('Number of the page, from 1; not together with `cursor`'),
  cursor: z.string().max(64).optional().describe('`next` of the page before; not together with `page`'),
};

export interface PageQuery {
  limit: number;
  page?: number | undefined;
  cursor?: string | undefined;
}

/** Rows to pass over; a problem where the query contradicts itself or the cursor is not one of ours. */
export function offsetOf(query: PageQuery): number {
  if (query.cursor === undefined) return ((query.page ?? 1) - 1) * query.limit;
  if (query.page !== undefined) throw fault('give either page or cursor, not both');
  const offset = CURSOR.exec(Buffer.from(query.cursor, 'base64url').toString('latin1'))?.[1];
  if (offset === undefined) throw fault('it is not a cursor of this list: take `next` of the page before');
  return Number(offset);
}

/** A page as every list answers it. */
export function pageOf<T>(query: PageQuery, offset: number, items: T[], total: number): Page<T> {
  const end = offset + items.length;
  const next = items.length > 0 && end < total ? Buffer.from(`o:${end}`, 'latin1').toString('base64url') : null;
  return {
    items,
    total,
    ...(query.cursor === undefined ? { page: query.page ?? 1 } : {}),
    pages: Math.ceil(total / query.limit),
    next,
  };
}

function fault(message: string): ProblemError {
  return new ProblemError('invalid-request', { title: `cursor: ${message}`, errors: [{ field: 'cursor', message }] });
}
