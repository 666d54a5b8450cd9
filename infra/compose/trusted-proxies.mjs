import { isIP } from 'node:net';

/**
 * What nginx must be told so that it takes the client's address from the proxies in front of it.
 * @param {string} text addresses and networks (10.0.0.0/8), parted by commas
 */
export function trustedProxies(text) {
  const proxies = text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  for (const proxy of proxies) {
    if (!isNetwork(proxy))
      throw new Error(`TRUSTED_PROXIES has "${proxy}": allowed are addresses and networks such as 10.0.0.0/8`);
  }
  if (proxies.length === 0) return '# TRUSTED_PROXIES is not set\n';
  const lines = [
    ...proxies.map((proxy) => `set_real_ip_from ${proxy};`),
    'real_ip_header X-Forwarded-For;',
    'real_ip_recursive on;',
  ];
  return `${lines.join('\n')}\n`;
}

function isNetwork(/** @type {string} */ text) {
  const [, address = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  // A zone (fe80::1%eth0) is nothing that nginx reads.
  if (version === 0 || address.includes('%')) return false;
  return length === undefined || Number(length) <= (version === 4 ? 32 : 128);
}
