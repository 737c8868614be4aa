/**
 * Telling the guard that the lease was renewed.
 *
 * One line per renewal over a local socket. The guard may be gone for a moment; it is told again a second
 * later, and its own clock decides what a silence means.
 */
import { connect, type Socket } from "node:net";
import type { Duration } from "@holdfast/kernel/time";

export interface GuardClient {
  /** `sentAt` is on the machine's steady clock, in milliseconds since its boot. */
  renewed(sentAt: number, lease: Duration): void;
  isThere(): boolean;
  close(): void;
}

const retryMilliseconds = 500;

export function guardClient(path: string): GuardClient {
  let socket: Socket | undefined;
  let isOpen = true;
  let timer: NodeJS.Timeout | undefined;
  open();
  return {
    renewed(sentAt, lease) {
      socket?.write(`${JSON.stringify({ renewedAt: sentAt, lease })}\n`);
    },
    isThere: () => socket !== undefined,
    close() {
      isOpen = false;
      clearTimeout(timer);
      socket?.destroy();
    },
  };

  function open(): void {
    const fresh = connect(path, () => {
      socket = fresh;
    });
    fresh.on("error", () => {});
    fresh.on("close", () => {
      socket = undefined;
      if (isOpen) timer = setTimeout(open, retryMilliseconds);
    });
    fresh.resume();
  }
}
