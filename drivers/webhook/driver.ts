/**
 * What Holdfast asks of whatever carries a message to somebody's web server.
 *
 * The address comes from a user and the request from a manager, which stands inside of the network. What
 * may be reached is therefore decided where the connection is made, never by looking at the name before.
 */

/** How far: the internet, also private networks, also this machine. Each allows what the one before does. */
export type Reach = "public" | "private" | "local";

export interface Delivery {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly reach: Reach;
}

export interface Webhooks {
  /**
   * Resolves when the other side has answered with 2xx. Rejects with `webhook_out_of_reach` (for good, until
   * somebody widens the reach) or `webhook_failed` (worth another try). Redirects are not followed: where
   * they lead is the other side's choice.
   */
  post(delivery: Delivery): Promise<void>;
}
