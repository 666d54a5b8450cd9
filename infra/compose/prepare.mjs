// Makes what compose.yml needs before anything else starts: a password for each user of PostgreSQL and NATS, in files that
// only the container that needs them sees, and the configuration of NATS for its version. What exists stays as it is, so
// that it may run at every start. Runs as root without network: it gives each folder to the user that reads it.
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { natsConfiguration } from './nats-configuration.mjs';
import { trustedProxies } from './trusted-proxies.mjs';

/** Folder of a volume, the uid of the container that reads it. The service's image and postgres fix these. */
const SERVICE_UID = 65532;
const POSTGRES_UID = 999;

const secrets = process.env.SECRETS_DIR ?? '/secrets';
const infra = process.env.INFRA_DIR ?? join(import.meta.dirname, '..');
const natsData = process.env.NATS_DATA_DIR ?? '/nats-data';
const webFolder = process.env.WEB_DIR ?? '/web';
const natsVersion = process.env.NATS_VERSION ?? '2.12';

/** Each user of NATS: the folder of the container that is it, and the variable of infra/nats-users.conf. */
const NATS_USERS = [
  { user: 'api', folder: 'api', variable: 'NATS_API_PASSWORD' },
  { user: 'scheduler', folder: 'scheduler', variable: 'NATS_SCHEDULER_PASSWORD' },
  { user: 'registry-fetcher', folder: 'registry-fetcher', variable: 'NATS_FETCHER_PASSWORD' },
  { user: 'history-projector', folder: 'history-projector', variable: 'NATS_PROJECTOR_PASSWORD' },
  { user: 'backup', folder: 'backup', variable: 'NATS_BACKUP_PASSWORD' },
  { user: 'operator', folder: 'operator', variable: 'NATS_OPERATOR_PASSWORD' },
  { user: 'subscriber', folder: 'subscriber', variable: 'NATS_SUBSCRIBER_PASSWORD' },
  { user: 'system', folder: 'operator', variable: 'NATS_SYSTEM_PASSWORD', file: 'nats-system-url' },
];

/** Each role of PostgreSQL: the folder of the container that is it. infra/postgres/roles.sh makes them. */
const ROLES = [
  { role: 'dtm_projector', folder: 'history-projector', password: 'projector-password' },
  { role: 'dtm_api', folder: 'api', password: 'api-password' },
  { role: 'dtm_backup', folder: 'backup', password: 'backup-password' },
];

/** The secret in a file of a volume, made when it is not there yet. @param {string} folder @param {string} name @param {number} uid */
function secret(folder, name, uid) {
  const path = join(secrets, folder, name);
  if (!existsSync(path)) write(path, password(), uid);
  return readFileSync(path, 'utf8').trim();
}

/** Begins with a letter: NATS reads what looks like a number as one. */
function password() {
  return `p${randomBytes(24).toString('hex')}`;
}

/** Whole or not at all: a start that was cut off must not leave half a password. Group 0 lets a later start read it. @param {string} path @param {string} text @param {number} uid */
function write(path, text, uid) {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.draft`;
  writeFileSync(draft, text, { mode: 0o440 });
  chmodSync(draft, 0o440);
  if (process.getuid?.() === 0) chownSync(draft, uid, 0);
  renameSync(draft, path);
}

/** @param {string} path @param {string} text @param {number} uid */
function writeIfChanged(path, text, uid) {
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) write(path, text, uid);
}

// NATS: the passwords lie with the server; each client has its own URL only.
/** @type {Record<string, string>} */
const natsPasswords = {};
for (const { user, folder, variable, file = 'nats-url' } of NATS_USERS) {
  const word = secret('nats', `${user}-password`, SERVICE_UID);
  natsPasswords[variable] = word;
  writeIfChanged(join(secrets, folder, file), `nats://${user}:${word}@nats:4222\n`, SERVICE_UID);
}
const configuration = natsConfiguration({ folder: infra, variables: natsPasswords, version: natsVersion });
writeIfChanged(join(secrets, 'nats', 'nats.conf'), configuration, SERVICE_UID);

// PostgreSQL: the superuser's password never leaves its own folder.
secret('postgres', 'superuser-password', POSTGRES_UID);
for (const { role, folder, password: name } of ROLES) {
  const word = secret('postgres', name, POSTGRES_UID);
  writeIfChanged(
    join(secrets, folder, 'database-url'),
    `postgresql://${role}:${word}@postgres:5432/dtm\n`,
    SERVICE_UID,
  );
}

// For calls that change other people's data; `docker compose run --rm admin-token` shows it.
secret('api', 'admin-token', SERVICE_UID);

// The web server, which has no shell to write its configuration with.
if (existsSync(webFolder)) {
  const path = join(webFolder, 'trusted-proxies.conf');
  writeIfChanged(path, trustedProxies(process.env.TRUSTED_PROXIES ?? ''), SERVICE_UID);
}

for (const folder of [natsData, process.env.BACKUPS_DIR ?? '/backups']) {
  if (existsSync(folder) && process.getuid?.() === 0 && lstatSync(folder).uid !== SERVICE_UID)
    chownSync(folder, SERVICE_UID, 0);
}
console.log(`prepared: NATS ${natsVersion}, secrets below ${secrets}`);
