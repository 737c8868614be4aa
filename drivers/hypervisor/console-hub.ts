/**
 * One connection to a guest's serial port, shared by everybody who looks at it.
 *
 * QEMU serves a single client per socket, so the second reader must not connect by itself: it would
 * wait for ever. Output is handed on and never stored; the past is in the console log.
 */
import { connect, type Socket } from "node:net";
import type { Console } from "./driver.ts";

export interface ConsoleHub {
  /** Rejects if the guest's serial port cannot be reached. */
  open(): Promise<Console>;
  close(): void;
}

/** What a guest that does not read may leave waiting. Beyond it, input is dropped like on a real wire. */
const mostUnread = 64 * 1024;

type Reader = { data?: (bytes: Uint8Array) => void; closed?: () => void };

/** `overhear` gets all output for as long as anybody is connected. */
export function consoleHub(path: string, overhear: (bytes: Uint8Array) => void): ConsoleHub {
  const readers = new Set<Reader>();
  let line: Promise<Socket> | undefined;
  return {
    async open() {
      const reader: Reader = {};
      readers.add(reader);
      line ??= dial();
      try {
        return attach(reader, await line);
      } catch (error) {
        hangUp(reader);
        throw error;
      }
    },
    close: () => void line?.then((socket) => socket.destroy()).catch(() => {}),
  };

  function dial(): Promise<Socket> {
    const socket = connect(path);
    return new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.once("connect", () => resolve(socket));
      socket.on("data", (bytes: Uint8Array) => {
        overhear(bytes);
        for (const { data } of readers) data?.(bytes);
      });
      socket.once("close", () => {
        line = undefined;
        const bereft = [...readers];
        readers.clear();
        for (const { closed } of bereft) closed?.();
      });
    });
  }

  function attach(reader: Reader, socket: Socket): Console {
    return {
      write(bytes) {
        if (socket.writable && socket.writableLength < mostUnread) socket.write(bytes);
      },
      onData(listener) {
        reader.data = listener;
      },
      onClose(listener) {
        reader.closed = listener;
      },
      close: () => hangUp(reader),
    };
  }

  /** The last one to leave frees the port. */
  function hangUp(reader: Reader): void {
    if (!readers.delete(reader) || readers.size > 0) return;
    const left = line;
    line = undefined;
    left?.then((socket) => socket.destroy()).catch(() => {});
  }
}
