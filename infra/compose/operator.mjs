// Prints, for a shell on the same machine, where the stores are and who the operator is (infra/compose/operator.yml).
import { readFileSync } from 'node:fs';

const secrets = process.env.SECRETS_DIR ?? '/run/secrets';
for (const [variable, file, port] of [
  ['NATS_URL', 'operator/nats-url', process.env.OPERATOR_NATS_PORT],
  // The owner of the read models: a rebuild writes them.
  ['DATABASE_URL', 'history-projector/database-url', process.env.OPERATOR_POSTGRES_PORT],
]) {
  const url = readFileSync(`${secrets}/${file}`, 'utf8').trim();
  console.log(`export ${variable}='${url.replace(/@[^/]+/, `@127.0.0.1:${port}`)}'`);
}
