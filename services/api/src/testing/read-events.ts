/** One event as a browser would see it. */
export interface ReceivedEvent {
  event: string;
  id: string;
  data: unknown;
}

/** A client of /api/v1/events. */
export interface EventClient {
  /** The next event; rejects where the stream ended. */
  next(): Promise<ReceivedEvent>;
  /** The id that a browser would send when it comes back. */
  readonly lastEventId: string;
  close(): void;
}

/** Connects, and reads by the rules of the HTML standard as far as they matter here. */
export async function readEvents(url: string, headers: Record<string, string> = {}): Promise<EventClient> {
  const abort = new AbortController();
  const answer = await fetch(url, { headers, signal: abort.signal });
  if (answer.status !== 200 || answer.body === null)
    throw new Error(`no event stream: ${answer.status} ${await answer.text()}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let lastEventId = '';
  const block = async (): Promise<string[]> => {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end >= 0) {
        const lines = text.slice(0, end).split('\n');
        text = text.slice(end + 2);
        return lines;
      }
      const { value, done } = await reader.read();
      if (done) throw new Error('the event stream ended');
      text += value;
    }
  };
  return {
    async next() {
      for (;;) {
        const lines = await block();
        const field = (name: string): string | undefined =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        lastEventId = field('id') ?? lastEventId;
        const data = field('data');
        if (data !== undefined)
          return { event: field('event') ?? 'message', id: lastEventId, data: JSON.parse(data) as unknown };
      }
    },
    get lastEventId() {
      return lastEventId;
    },
    close: () => abort.abort(),
  };
}
