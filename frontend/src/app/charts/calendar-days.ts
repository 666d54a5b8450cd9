import type { Change } from '@dtm/api-contract';
import { DAY, monthInWords } from '../wording/time.ts';

export interface CalendarDay {
  /** Midnight UTC, milliseconds. */
  at: number;
  /** Observed on it. */
  changes: number;
  watched: boolean;
  /** False: there are more changes than are read, and nothing is known of how many fell on it. */
  read: boolean;
}

export interface Calendar {
  /** From a Monday to today. */
  days: CalendarDay[];
  /** Weeks in which a month begins. */
  months: { week: number; label: string }[];
}

/** When a tag was looked at. RFC 3339 */
export interface Watch {
  /** Null: not yet. */
  since: string | null;
  /** Null: to this day. */
  until: string | null;
  /** In between it was not. */
  gaps: readonly { from: string; to: string }[];
}

/**
 * Days of the last weeks, `today` (midnight UTC) last, with the changes observed on each. `changes` are the newest, newest
 * first; where they are not `complete`, the day of the oldest is read in part at best, and none before it.
 */
export function calendarOf(
  changes: readonly Change[],
  today: number,
  weeks: number,
  { since, until, gaps }: Watch,
  complete = true,
): Calendar {
  const weekday = (new Date(today).getUTCDay() + 6) % 7;
  const first = today - ((weeks - 1) * 7 + weekday) * DAY;
  const counts = new Map<number, number>();
  for (const { observedAt, kind } of changes) {
    if (kind !== 'change') continue;
    const day = Math.floor(Date.parse(observedAt) / DAY) * DAY;
    counts.set(day, (counts.get(day) ?? 0) + 1);
  }
  const begins = since === null ? Infinity : Math.floor(Date.parse(since) / DAY) * DAY;
  const ends = until === null ? Infinity : Date.parse(until);
  const missed = gaps.map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) }));
  const oldest = changes.at(-1)?.observedAt;
  const unreadTo = complete || oldest === undefined ? -Infinity : Date.parse(oldest);
  const days: CalendarDay[] = [];
  for (let at = first; at <= today; at += DAY) {
    const missing = missed.some(({ from, to }) => from <= at && at + DAY <= to);
    const watched = at >= begins && at <= ends && !missing;
    days.push({ at, changes: counts.get(at) ?? 0, watched, read: at > unreadTo });
  }
  return { days, months: monthsOf(first, weeks) };
}

/** 0 to 4: one change in a day is plain to see, four and more are the darkest. */
export function levelOf(changes: number): 0 | 1 | 2 | 3 | 4 {
  return Math.min(4, changes) as 0 | 1 | 2 | 3 | 4;
}

function monthsOf(first: number, weeks: number): Calendar['months'] {
  const months: Calendar['months'] = [];
  for (let week = 0; week < weeks; week++) {
    const monday = new Date(first + week * 7 * DAY).toISOString();
    const label = monthInWords(monday).slice(0, 3);
    const before = months.at(-1);
    if (before?.label === label) continue;
    // Two names need three weeks between them; the one that stands for a single week gives way.
    if (before !== undefined && week - before.week < 3) months.pop();
    months.push({ week, label });
  }
  return months;
}
