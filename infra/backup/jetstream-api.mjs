/**
 * Calls the server's JetStream API; throws where it refuses.
 * @param {import('@nats-io/transport-node').NatsConnection} nc
 * @param {string} call such as `STREAM.NAMES`
 * @param {object} request
 * @param {number} [timeout] in ms
 * @returns {Promise<any>}
 */
export async function api(nc, call, request, timeout = 10_000) {
  return answerOf(call, await nc.request(`$JS.API.${call}`, JSON.stringify(request), { timeout }));
}

/**
 * What the server answered; throws where that is a refusal.
 * @param {string} call
 * @param {import('@nats-io/transport-node').Msg} message
 * @returns {any}
 */
export function answerOf(call, message) {
  if (message.data.length === 0) return {};
  const answer = message.json();
  if (answer.error !== undefined) throw new Error(`${call}: ${answer.error.description} (${answer.error.err_code})`);
  return answer;
}
