/**
 * Whether the agent inside a guest answers: the one sign of life that a guest can give of its own accord.
 *
 * The channel has no handshake. What we write is read whenever the guest gets round to it, and what an
 * earlier question left unread arrives first, so an answer counts only if it carries our own number.
 */
import { connect } from "node:net";
import type { Duration } from "@holdfast/kernel/time";

/** Before a message of the protocol; tells the other end to forget half a message that came before it. */
const sentinel = "\u00ff";
/** More than the answer to a ping, and than what may be left of an earlier one. */
const longest = 64 * 1024;

/** Asks with a number of our choice. False if nobody has repeated it by the deadline. */
export function pingGuestAgent(path: string, number: number, within: Duration): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path).setEncoding("latin1");
    let heard = "";
    const end = (answers: boolean) => {
      clearTimeout(late);
      socket.destroy();
      resolve(answers);
    };
    const late = setTimeout(() => end(false), within);
    socket.on("error", () => end(false));
    socket.on("close", () => end(false));
    socket.on("connect", () => {
      const question = { execute: "guest-sync-delimited", arguments: { id: number } };
      socket.write(`${sentinel}${JSON.stringify(question)}\n`, "latin1");
    });
    socket.on("data", (text: string) => {
      heard = (heard + text).slice(-longest);
      if (new RegExp(`"return"\\s*:\\s*${number}\\b`).test(heard)) end(true);
    });
  });
}
