/** NATS is not connected, or does not answer in time. The message is for the caller. */
export class BusAway extends Error {
  constructor(message = 'The event store does not answer: try again in a moment', options?: ErrorOptions) {
    super(message, options);
    this.name = 'BusAway';
  }
}
