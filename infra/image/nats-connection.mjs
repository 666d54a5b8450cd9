import { connect } from '@nats-io/transport-node';
import { requiredSetting } from './setting.mjs';

/** Connects as the user whose URL is in NATS_URL, with an inbox of its name: infra/nats-users.conf allows no other. */
export function connectAsOperator(/** @type {string} */ name) {
  const urls = requiredSetting('NATS_URL')
    .split(',')
    .map((text) => new URL(text.trim()));
  const [first] = urls;
  return connect({
    servers: urls.map(({ protocol, hostname, port }) => `${protocol}//${hostname}:${port || '4222'}`),
    ...(first?.username
      ? first.password
        ? { user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) }
        : { token: decodeURIComponent(first.username) }
      : {}),
    name,
    inboxPrefix: `_INBOX.${name}`,
    maxReconnectAttempts: 10,
  });
}
