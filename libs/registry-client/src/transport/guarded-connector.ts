import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { nonPublicKind } from './address-kinds.ts';

/** An address was not dialled, or dropped before a byte was sent, because it is not of the public internet. */
export class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress';
}

export interface ConnectorOptions {
  /** The registry may lie at any address. */
  privateAddresses: boolean;
  connectMs: number;
  resolve: LookupFunction;
  ca?: string | undefined;
}

/**
 * Opens sockets only to addresses that are allowed. The check is on the addresses that name resolution gave for this very
 * socket, so an answer that changes between check and use (DNS rebinding) gains nothing; what was dialled is checked again.
 */
export function guardedConnector(options: ConnectorOptions): buildConnector.connector {
  const dial = buildConnector({
    // The keep-alive rules of HEAD and the limits here are those of HTTP/1.1.
    allowH2: false,
    timeout: options.connectMs,
    lookup: options.privateAddresses ? options.resolve : guardedLookup(options.resolve),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });
  if (options.privateAddresses) return dial;
  return (target, callback) => {
    // Literal addresses are not looked up, so the lookup never sees them.
    const kind = isIP(target.hostname) === 0 ? null : nonPublicKind(target.hostname);
    if (kind !== null) {
      queueMicrotask(() => callback(new RefusedAddress(`${target.hostname} is ${kind}`), null));
      return;
    }
    dial(target, (...result) => {
      const [error, socket] = result;
      const dialled = error === null ? socket.remoteAddress : undefined;
      const kindDialled = dialled === undefined ? null : nonPublicKind(dialled);
      if (error !== null || kindDialled === null) {
        callback(...result);
        return;
      }
      socket.destroy();
      callback(new RefusedAddress(`${target.hostname} leads to ${dialled ?? ''}, ${kindDialled}`), null);
    });
  };
}

/** Refuses a name as soon as one of its addresses is not public: a mixture is how rebinding begins. */
function guardedLookup(resolve: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        callback(error, '');
        return;
      }
      const addresses = typeof found === 'string' ? [{ address: found, family: isIP(found) }] : found;
      for (const { address } of addresses) {
        const kind = nonPublicKind(address);
        if (kind !== null) {
          callback(new RefusedAddress(`${hostname} resolves to ${address}, ${kind}`), '');
          return;
        }
      }
      const first = addresses[0];
      if (first === undefined) {
        callback(Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' }), '');
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}
