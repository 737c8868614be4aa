/**
 * The agents that are connected to a guard: normally one, two for a moment during an upgrade.
 *
 * An agent that keeps its connection and passes on no renewals, while managers have long been answering the
 * guard, is frozen or stuck. It is killed, and its supervisor starts another; guests do not notice.
 */
import { type GuardState, type Renewed, readRenewed } from "@holdfast/cloud/agent";

/** A process that can be killed and not be mistaken for another. */
export interface AgentProcess {
  kill(): void;
}

export interface Agents {
  connected(send: (line: string) => void): { said(line: string): void; closed(): void };
  tell(state: GuardState): void;
  /** Kill those that have passed on nothing since `before`. */
  killSilent(before: number): void;
}

export interface AgentsDeps {
  readonly now: () => number;
  /** Undefined if there is no such process. */
  readonly findAgent: (pid: number) => AgentProcess | undefined;
  readonly onRenewed: (renewed: Renewed) => void;
  readonly onConnected: (send: (line: string) => void) => void;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

interface Connection {
  readonly send: (line: string) => void;
  heardAt: number;
  pid: number | undefined;
  process: AgentProcess | undefined;
}

export function connectedAgents(deps: AgentsDeps): Agents {
  const connections = new Set<Connection>();
  return {
    connected(send) {
      const connection: Connection = {
        send,
        heardAt: deps.now(),
        pid: undefined,
        process: undefined,
      };
      connections.add(connection);
      deps.onConnected(send);
      return {
        said(line) {
          const renewed = readRenewed(line);
          if (!renewed) return deps.log("not a renewal", { line: line.slice(0, 200) });
          connection.heardAt = deps.now();
          if (connection.pid !== renewed.agentPid) {
            connection.pid = renewed.agentPid;
            connection.process = deps.findAgent(renewed.agentPid); // Now, while it is surely the one.
          }
          deps.onRenewed(renewed);
        },
        closed: () => connections.delete(connection),
      };
    },
    tell(state) {
      const line = JSON.stringify(state);
      for (const { send } of connections) send(line);
    },
    killSilent(before) {
      for (const connection of connections) {
        const { heardAt, pid, process } = connection;
        if (!process || heardAt > before) continue;
        deps.log("the agent is frozen or stuck, and is killed", { pid });
        connection.process = undefined; // Once is enough for SIGKILL.
        process.kill();
      }
    },
  };
}
