/** An installation of its own on real parts, as `./holdfast up` makes it, and its end. */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "@holdfast/store/testing";

export interface Installation {
  readonly state: string;
  readonly port: number;
  /** Of its owner. */
  readonly token: string;
  /** Ends its guests as well, and leaves nothing. */
  end(): void;
}

/** On free ports, with whatever else is said to `up`. What it prints of itself is not shown. */
export async function install(state: string, ...words: readonly string[]): Promise<Installation> {
  const end = () => {
    holdfast("down", "--guests", "--state", state);
    rmSync(state, { recursive: true, force: true });
  };
  const [port, agents, database] = [await freePort(), await freePort(), await freePort()];
  const ports = ["--api-port", port, "--agent-port", agents, "--database-port", database];
  try {
    holdfast("up", "--state", state, ...words, ...ports.map(String));
    const { token } = JSON.parse(readFileSync(join(state, "client.json"), "utf8")) as {
      token: string;
    }; // Our own file.
    return { state, port, token, end };
  } catch (error) {
    end();
    throw error;
  }
}

function holdfast(...words: readonly string[]): void {
  const launcher = join(import.meta.dirname, "..", "holdfast");
  execFileSync(launcher, [...words], { stdio: ["ignore", "ignore", "inherit"] });
}
