import { STATUS_CODES } from 'node:http';
import { Trouble } from './failure.ts';

/** What a status means that is neither the answer asked for nor a 404. */
export function statusTrouble(status: number): Trouble {
  const phrase = STATUS_CODES[status];
  const said = `the registry answered ${phrase === undefined ? status : `${status} ${phrase}`}`;
  if (status === 401 || status === 403) {
    return new Trouble('unauthorized', `${said}: the repository is missing or private`);
  }
  if (status >= 500) return new Trouble('server-error', said);
  return new Trouble('bad-answer', said);
}
