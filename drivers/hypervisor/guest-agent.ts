/**
 * Talking to the agent inside a guest: whether it answers, which is the one sign of life that a guest can give
 * of its own accord, and holding its file systems still for a moment.
 *
 * The channel has no handshake. What we write is read whenever the guest gets round to it, and what an
 * earlier question left unread arrives first, so an answer counts only if it carries our own number.
 */
import { connect } from "node:net";
import { type Duration, seconds } from "@holdfast/kernel/time";
import { isRecord } from "./qmp.ts";

/** Before a message of the protocol; tells the other end to forget half a message that came before it. */
const sentinel = "\u00ff";
/** More than the answer to a ping, and than what may be left of an earlier one. */
const longest = 64 * 1024;

/** Of the chardev that qemu-argv.ts gives to it. */
export const agentChannel = "agent";

/** Asks with a number of our choice. False if nobody has repeated it by the deadline. */
export async function pingGuestAgent(
  path: string,
  number: number,
  within: Duration,
): Promise<boolean> {
  const talk = await converse(path, number, within);
  talk?.end();
  return talk !== undefined;
}

/**
 * Has the guest write out its file systems and hold them still. `not-asked`: nobody was there to ask.
 * `unknown`: somebody was, and has not said that it is done.
 */
export async function freezeGuest(
  path: string,
  within: Duration,
): Promise<"frozen" | "not-asked" | "unknown"> {
  const talk = await converse(path, ++asked, within);
  if (!talk) return "not-asked";
  try {
    // It answers with how many there are; a guest agent that may not, or cannot, says so.
    const answer = await talk.ask("guest-fsfreeze-freeze");
    if (answer === undefined) return "unknown";
    return "return" in answer ? "frozen" : "not-asked";
  } finally {
    talk.end();
  }
}

/** Rejects if the guest has not said so in time. What is not frozen is thawed already. */
export async function thawGuest(path: string, within = seconds(5)): Promise<void> {
  const talk = await converse(path, ++asked, within);
  try {
    const answer = await talk?.ask("guest-fsfreeze-thaw");
    if (!answer || !("return" in answer)) throw new Error("the guest agent did not thaw");
  } finally {
    talk?.end();
  }
}

interface Talk {
  /** Undefined if there was no answer in time. */
  ask(command: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  end(): void;
}

let asked = 1_000_000;

/** Resolves when whoever is there has repeated our number, or with undefined. Everything in the same time. */
function converse(path: string, number: number, within: Duration): Promise<Talk | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path).setEncoding("latin1");
    let heard = "";
    let onAnswer: ((answer: Readonly<Record<string, unknown>> | undefined) => void) | undefined;
    const end = () => {
      clearTimeout(late);
      socket.destroy();
      onAnswer?.(undefined);
      resolve(undefined);
    };
    const late = setTimeout(end, within);
    const talk: Talk = {
      ask: (execute) =>
        new Promise((answered) => {
          if (socket.destroyed) return answered(undefined);
          onAnswer = answered;
          heard = "";
          socket.write(`${JSON.stringify({ execute })}\n`, "latin1");
        }),
      end,
    };
    socket.on("error", end);
    socket.on("close", end);
    socket.on("connect", () => {
      const question = { execute: "guest-sync-delimited", arguments: { id: number } };
      socket.write(`${sentinel}${JSON.stringify(question)}\n`, "latin1");
    });
    socket.on("data", (text: string) => {
      heard = (heard + text).slice(-longest);
      if (onAnswer) {
        const answer = lastLine(heard);
        if (answer) onAnswer(answer);
      } else if (new RegExp(`"return"\\s*:\\s*${number}\\b`).test(heard)) resolve(talk);
    });
  });
}

/** An answer is one line, whole. */
function lastLine(heard: string): Readonly<Record<string, unknown>> | undefined {
  const line = /(\{.*\})\s*\n/.exec(heard)?.[1];
  try {
    const answer: unknown = JSON.parse(line ?? "");
    return isRecord(answer) ? answer : undefined;
  } catch {
    return undefined;
  }
}
