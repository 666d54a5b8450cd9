// Run by run.mjs in a process of its own before anything is started: ends with 1 and a line for each variable that has
// a wrong value. The services would say the same, but each of them, and after the stores were started.
import { ConfigError, loadConfig } from '@dtm/service-host';

try {
  loadConfig('api');
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
