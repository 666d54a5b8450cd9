import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** For specs: stands between a client and its server, and loses what it is told to lose. */
export interface LossyProxy {
  url: string;
  /** The next message to the subject reaches the server; its acknowledgement is lost with the connection. */
  loseAcknowledgementOf(subject: string): void;
  /** The next message to the subject is lost on its way, with the connection. */
  lose(subject: string): void;
  /** How often something was lost. */
  readonly losses: number;
  close(): Promise<void>;
}

/** What the server is given to store a message whose acknowledgement is lost; the client gets nothing meanwhile. */
const STORED_WITHIN_MS = 200;

export async function startLossyProxy(serverPort: number): Promise<LossyProxy> {
  const sockets = new Set<Socket>();
  let plan: { subject: string; reaches: boolean } | null = null;
  let losses = 0;

  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    let deaf = false;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on('data', (chunk: Buffer) => {
      if (plan === null || !chunk.includes(`PUB ${plan.subject} `)) {
        upstream.write(chunk);
        return;
      }
      const { reaches } = plan;
      plan = null;
      losses++;
      deaf = true;
      if (reaches) upstream.write(chunk);
      setTimeout(end, reaches ? STORED_WITHIN_MS : 0);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (!deaf) client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `nats://127.0.0.1:${port}`,
    loseAcknowledgementOf: (subject) => {
      plan = { subject, reaches: true };
    },
    lose: (subject) => {
      plan = { subject, reaches: false };
    },
    get losses() {
      return losses;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
