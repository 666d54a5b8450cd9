import { z } from 'zod';
import { parseDuration, type Duration } from './duration.ts';

/** One variable: how it is read, and how it is described to people. */
export interface Variable<T> {
  name: string;
  /** As it would be written; null: unset. */
  default: string | null;
  /** What may be written, in words; ends the message about a wrong value. */
  allowed: string;
  /** What it does, in words. */
  meaning: string;
  /** Never repeated in a message, unless it is `plain`. */
  secret: boolean;
  /** What holds no secret although others of the kind do. */
  plain?: RegExp;
  schema: z.ZodType<T, string | undefined>;
}

interface Description {
  name: string;
  meaning: string;
}

/** A reader of text: the value, or null where the text is not allowed. */
type Read<T> = (text: string) => T | null;

function required<T>(description: Description & { default: string; allowed: string }, read: Read<T>): Variable<T> {
  return { ...description, secret: false, schema: text(read, description.allowed).prefault(description.default) };
}

function optional<T>(
  description: Description & { allowed: string; secret?: boolean },
  read: Read<T>,
): Variable<T | null> {
  const schema = text(read, description.allowed)
    .optional()
    .transform((value) => value ?? null);
  return { ...description, default: null, secret: description.secret ?? false, schema };
}

function text<T>(read: Read<T>, allowed: string): z.ZodType<T, string> {
  return z.string().transform((value, context) => {
    const result = read(value);
    if (result !== null) return result;
    context.addIssue({ code: 'custom', message: allowed });
    return z.NEVER;
  });
}

const DURATION_ALLOWED = 'a duration such as 90s, 1h30m, 2h, 1d, 2w, 6mm (months) or 1y';

/** The words of the original Docker Tag Monitor, whose variables keep their names here. */
const BOOLEANS = new Map([
  ...['true', '1', 'yes', 'on'].map((word) => [word, true] as const),
  ...['false', '0', 'no', 'off'].map((word) => [word, false] as const),
]);
/** Hosts with a port and a name behind them at most: whatever may be a user, a password or a query is none of these. */
const PLAIN_ADDRESSES = /^(?:(?:[a-z]+:\/\/)?[\w.-]*(?::\d+)?(?:\/[\w.-]*)?(?:,|$))+$/i;
const BOOLEAN_ALLOWED = 'true or false (also 1 or 0, yes or no, on or off)';

/** The ways in which variables are read. */
export const variable = {
  duration(description: Description & { default: string; min?: string }): Variable<Duration> {
    const { min = '0s', ...rest } = description;
    const allowed = min === '0s' ? DURATION_ALLOWED : `${DURATION_ALLOWED}, ${min} or more`;
    return required({ ...rest, allowed }, (value) => durationFrom(value, min));
  },

  optionalDuration(description: Description & { min: string }): Variable<Duration | null> {
    const { min, ...rest } = description;
    return optional({ ...rest, allowed: `${DURATION_ALLOWED}, ${min} or more` }, (value) => durationFrom(value, min));
  },

  integer(description: Description & { default: string; min: number; max: number }): Variable<number> {
    const { min, max, ...rest } = description;
    const allowed = `a whole number from ${min} to ${max}`;
    return required({ ...rest, allowed }, (value) =>
      /^\d{1,15}$/.test(value) ? within(Number(value), min, max) : null,
    );
  },

  optionalInteger(description: Description & { min: number; max: number }): Variable<number | null> {
    const { min, max, ...rest } = description;
    const allowed = `a whole number from ${min} to ${max}`;
    return optional({ ...rest, allowed }, (value) =>
      /^\d{1,15}$/.test(value) ? within(Number(value), min, max) : null,
    );
  },

  number(description: Description & { default: string; min: number; max: number }): Variable<number> {
    const { min, max, ...rest } = description;
    const allowed = `a number from ${min} to ${max}`;
    return required({ ...rest, allowed }, (value) =>
      /^\d{1,9}(?:\.\d{1,6})?$/.test(value) ? within(Number(value), min, max) : null,
    );
  },

  boolean(description: Description & { default: 'true' | 'false' }): Variable<boolean> {
    return required({ ...description, allowed: BOOLEAN_ALLOWED }, (value) => BOOLEANS.get(value.toLowerCase()) ?? null);
  },

  choice<const T extends string>(description: Description & { default: T; of: readonly T[] }): Variable<T> {
    const { of, ...rest } = description;
    return required(
      { ...rest, allowed: `one of ${of.join(', ')}` },
      (value) => of.find((one) => one === value) ?? null,
    );
  },

  path(description: Description & { default: string }): Variable<string> {
    return required({ ...description, allowed: 'a path' }, (value) => value);
  },

  optionalPath(description: Description): Variable<string | null> {
    return optional({ ...description, allowed: 'a path' }, (value) => value);
  },

  secret(description: Description): Variable<string | null> {
    return optional({ ...description, allowed: 'a text', secret: true }, (value) => value);
  },

  optionalText(description: Description): Variable<string | null> {
    return optional({ ...description, allowed: 'a text' }, (value) => value);
  },

  /** Addresses can carry a password, so they count as secrets. `path`: whether they must name something there. */
  address(
    description: Description & { schemes: readonly string[]; example: string; list: boolean; path?: boolean },
  ): Variable<string | null> {
    const { schemes, example, list, path = false, ...rest } = description;
    const allowed = `${list ? 'addresses parted by commas' : 'an address'} such as ${example}`;
    const read: Read<string> = (value) => {
      const addresses = list ? value.split(',').map((one) => one.trim()) : [value];
      return addresses.every((one) => isAddress(one, schemes, path)) ? addresses.join(',') : null;
    };
    return { ...optional({ ...rest, allowed, secret: true }, read), plain: PLAIN_ADDRESSES };
  },

  /** A text that a function of its own makes sense of. */
  optional<T>(description: Description & { allowed: string; read: Read<T>; secret?: boolean }): Variable<T | null> {
    const { read, ...rest } = description;
    return optional(rest, read);
  },

  /** The same with a default. */
  required<T>(description: Description & { default: string; allowed: string; read: Read<T> }): Variable<T> {
    const { read, ...rest } = description;
    return required(rest, read);
  },

  list<T>(description: Description & { allowed: string; read: Read<T> }): Variable<T[]> {
    const { read, ...rest } = description;
    const readList: Read<T[]> = (value) => {
      const items = value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '')
        .map(read);
      return items.includes(null) ? null : (items as T[]);
    };
    const schema = text(readList, description.allowed)
      .optional()
      .transform((value) => value ?? []);
    return { ...rest, default: null, secret: false, schema };
  },
};

function durationFrom(value: string, min: string): Duration | null {
  const duration = parseDuration(value);
  return duration === null || duration.ms < (parseDuration(min)?.ms ?? 0) ? null : duration;
}

function within(value: number, min: number, max: number): number | null {
  return value >= min && value <= max ? value : null;
}

function isAddress(value: string, schemes: readonly string[], withPath: boolean): boolean {
  try {
    const { protocol, hostname, pathname } = new URL(value.includes('://') ? value : `${schemes[0] ?? ''}//${value}`);
    return schemes.includes(protocol) && hostname !== '' && (!withPath || pathname.length > 1);
  } catch {
    return false;
  }
}
