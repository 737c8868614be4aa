/** How networks of a host can fail. Messages name kernel objects: they are for operators, who see all of them. */
import { problem } from "@holdfast/kernel/problem";

export const notApplied = (what: string, cause: unknown) =>
  problem(
    "unavailable",
    "network_not_applied",
    `The host could not ${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
    { fix: "It is tried again by itself. If it stays so, mend what the message complains about." },
    cause,
  );

export const unsupported = (what: string, reason: string) =>
  problem("conflict", "network_unsupported", `This host cannot have ${what}: ${reason}`, {
    fix: "Load the kernel module that is missing, or use another kind of network or another host.",
  });

export const ownedBySomebodyElse = (owner: string) =>
  problem(
    "conflict",
    "networks_owned",
    `Another installation on this machine has its networks here: the one whose directory is ${owner}.`,
    {
      fix: "Take that one down with its guests (holdfast down --guests --state DIRECTORY), or run without networks: holdfast run --no-network",
    },
  );
