/**
 * Opens an image on a web server as a stream, for `Blobs.put`.
 *
 * Nothing of what the server says about itself is believed: not its length (bytes are counted), not
 * its type, not its pace (a stream that stalls is cut off). A server may also send less than it
 * announced; then the stream fails, so a half image is never taken for a whole one.
 */
import { Readable } from "node:stream";
import { codeOf } from "@holdfast/kernel/code-of";
import { type Kind, type Problem, problem } from "@holdfast/kernel/problem";
import type { Duration } from "@holdfast/kernel/time";

export interface FetchOptions {
  /** More than this many bytes are refused. */
  readonly limitBytes: number;
  /** How long the server may stay silent, before its answer and between two pieces of it. */
  readonly patience: Duration;
  /** Gives up at once when it aborts, for example because the import was cancelled. */
  readonly signal?: AbortSignal;
}

export interface Fetched {
  /** Fails with `image_download_failed` if the rest does not come. */
  readonly content: Readable;
  /** What the server announced, for a progress line; absent if it did not. */
  readonly announcedBytes?: number;
}

/** Rejects with `image_download_failed`. */
export async function fetchImage(address: string, options: FetchOptions): Promise<Fetched> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol))
    throw failed(
      "invalid",
      "the address is not an http or https URL",
      "Give a URL such as https://images.example.org/debian.qcow2.",
    );
  const silence = watchSilence(options.patience);
  const given = options.signal ? [options.signal] : [];
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([silence.signal, ...given]),
      // Otherwise the bytes, and with them the checksum, could be of something unpacked on the way.
      headers: { "accept-encoding": "identity" },
    });
    if (!response.ok || !response.body) throw refused(response);
    const length = response.headers.get("content-length");
    const announcedBytes = length === null ? undefined : Number(length);
    if (announcedBytes !== undefined && announcedBytes > options.limitBytes) {
      await response.body.cancel();
      throw tooBig(options.limitBytes);
    }
    const pieces = counted(response.body, options, silence);
    const content = Readable.from(pieces, { objectMode: false });
    return { content, ...(announcedBytes !== undefined && { announcedBytes }) };
  } catch (error) {
    silence.end();
    throw explained(error, options);
  }
}

async function* counted(body: AsyncIterable<Uint8Array>, options: FetchOptions, silence: Silence) {
  let bytes = 0;
  try {
    for await (const piece of body) {
      bytes += piece.length;
      if (bytes > options.limitBytes) throw tooBig(options.limitBytes);
      silence.pause(); // Now it is we who let the server wait.
      yield piece;
      silence.again();
    }
  } catch (error) {
    throw explained(error, options);
  } finally {
    silence.end();
  }
}

interface Silence {
  readonly signal: AbortSignal;
  again(): void;
  pause(): void;
  end(): void;
}

/** Aborts once nothing has come for too long. */
function watchSilence(patience: Duration): Silence {
  const controller = new AbortController();
  const start = () => setTimeout(() => controller.abort(silent), patience);
  let timer = start();
  const end = () => clearTimeout(timer);
  const again = () => {
    clearTimeout(timer);
    timer = start();
  };
  return { signal: controller.signal, again, pause: end, end };
}

const silent = new Error("silent");

function explained(error: unknown, options: FetchOptions): unknown {
  if (error instanceof Error && error.name === "Problem") return error;
  if (options.signal?.aborted) return options.signal.reason;
  const tryAgain = "Try again; if it stays so, ask whoever runs the server.";
  if (error === silent)
    return failed(
      "unavailable",
      `the server sent nothing for ${options.patience / 1000} s`,
      tryAgain,
      error,
    );
  // undici hides the reason ("connect ECONNREFUSED 10.0.0.1:80") one level down.
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = codeOf(cause) ?? "";
  const why = reasons[code] ?? `the connection failed${code && ` (${code})`}`;
  return failed("unavailable", why, tryAgain, error);
}

const reasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the certificate of the server has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate of the server is its own and not known here",
  EAI_AGAIN: "the name of the server could not be looked up right now",
  ECONNREFUSED: "nothing listens at that address",
  ECONNRESET: "the server broke the connection off",
  ENOTFOUND: "there is no server of that name",
  ETIMEDOUT: "the server could not be reached",
  UND_ERR_SOCKET: "the server broke the connection off",
};

function refused({ status, statusText }: Response): Problem {
  const kind = status >= 500 || status === 429 ? "unavailable" : "invalid";
  const fix =
    kind === "invalid"
      ? "Open the address in a browser or with curl, and correct it; a file behind a login cannot be imported."
      : "Try again later; the server has trouble of its own.";
  return failed(kind, `the server answered ${status} ${statusText}`.trimEnd(), fix);
}

function tooBig(limitBytes: number): Problem {
  return failed(
    "invalid",
    `it is bigger than the limit of ${limitBytes} bytes`,
    "Import a smaller image (qcow2 instead of raw often is), or raise the limit in the settings.",
  );
}

function failed(kind: Kind, why: string, fix: string, cause?: unknown): Problem {
  return problem(
    kind,
    "image_download_failed",
    `The image was not downloaded: ${why}.`,
    { fix },
    cause,
  );
}
