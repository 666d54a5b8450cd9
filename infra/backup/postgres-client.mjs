import { spawn } from 'node:child_process';

/** A program of PostgreSQL ended badly, or is not there at all. */
export class ClientFailed extends Error {
  name = 'ClientFailed';
}

/**
 * Runs a program of PostgreSQL's client on a database and answers what it wrote. The password goes by the environment, as
 * arguments can be seen by everyone on the machine.
 * @param {string} program such as `pg_dump`
 * @param {string[]} args
 * @param {string} url
 */
export async function runClient(program, args, url) {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const sslmode = searchParams.get('sslmode');
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH,
      PGHOST: hostname.replace(/^\[|\]$/g, ''),
      PGPORT: port || '5432',
      PGUSER: decodeURIComponent(username),
      PGPASSWORD: decodeURIComponent(password),
      PGDATABASE: decodeURIComponent(pathname.slice(1)),
      ...(sslmode === null ? {} : { PGSSLMODE: sslmode }),
    },
  });
  let output = '';
  let words = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (words += text));
  const code = await new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new ClientFailed(`${program}: ${error.message}`)));
    child.once('close', resolve);
  });
  if (code !== 0) throw new ClientFailed(`${program} of ${hostname}: ${words.trim() || `exit code ${code}`}`);
  return output;
}
