/** The answers to ../api.ts. */
import type { HostId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import { changeHost, createJoinToken, type HostView, listHosts, revokeHost } from "../api.ts";
import { hostModes } from "../core/lifecycle.ts";
import type { GuardReport } from "../core/link.ts";
import type { enrolment } from "./enrolment.ts";
import { findHostRow, type HostRow, pageOfHostRows } from "./fleet.ts";
import type { Hub } from "./hub.ts";

interface Deps {
  readonly database: Database;
  readonly clock: Clock;
  readonly hub: Hub;
  readonly enrolment: ReturnType<typeof enrolment>;
  /** What the guards of the hosts that are connected here last said of themselves; null: nothing. */
  readonly guards: ReadonlyMap<HostId, GuardReport | null>;
  /** Where agents connect to, for the command that an operator copies. */
  readonly agentAddress: string;
  readonly self: string;
  readonly onChanged: (hosts: readonly HostId[]) => void;
}

/** Heard within this time: connected, if not here then at another manager. Three heartbeats. */
const recently = 3_000;

export function hostRoutes(deps: Deps) {
  const { database, clock, hub, enrolment, guards, agentAddress, self, onChanged } = deps;
  /** A cable that is cut ends no connection: only while it is heard is a host connected, and its guard's word fresh. */
  function view(row: HostRow): HostView {
    const id = row.id as HostId; // A HostView is for reading: its id is plain text.
    const wasHeard = row.heardAt !== null && clock.now() - row.heardAt < recently;
    const isConnected = wasHeard || (row.state === "up" && hub.isConnected(id));
    return { ...row, ...guarding(isConnected ? guards.get(id) : undefined), isConnected };
  }
  return {
    listHosts: handle(listHosts, async ({ query }) => {
      const { hosts, next } = await pageOfHostRows(database, query);
      return { hosts: hosts.map(view), next };
    }),

    changeHost: handle(changeHost, async ({ params, body, caller, requestId }) => {
      const host = await findHostRow(database, params.host);
      const mode = body.mode ?? host.mode;
      if (mode !== host.mode) checkMode(host, mode);
      if (body.cluster) await checkCluster(body.cluster);
      await database.transaction(async (sql) => {
        await sql.query(
          `update host set mode = $2, tags = coalesce($3, tags), concerns = coalesce($4, concerns),
             cluster = coalesce($5, cluster), flap_concern = case when $6 then null else flap_concern end,
             flap_until = case when $6 then null else flap_until end where id = $1`,
          [
            host.id,
            mode,
            body.tags ?? null,
            body.concerns ?? null,
            body.cluster ?? null,
            body.mode === "enabled", // Said in so many words, also of one that was: its silences are forgiven.
          ],
        );
        const row = { at: clock.now(), kind: "host", subject: host.id, event: "changed" } as const;
        await appendJournal(sql, [{ ...row, actor: caller.name, requestId, detail: body }]);
        await announce(sql, { from: self, hosts: [host.id] });
      });
      onChanged([host.id as HostId]);
      return view(await findHostRow(database, host.id));
    }),

    createJoinToken: handle(createJoinToken, async ({ body }) => {
      const { token, expiresAt } = await enrolment.createToken(body.hostName, body.minutes);
      const name = body.hostName ? ` --name ${body.hostName}` : "";
      return { token, expiresAt, command: `holdfast join ${agentAddress} --token ${token}${name}` };
    }),

    revokeHost: handle(revokeHost, async ({ params, caller, requestId }) => {
      const host = await findHostRow(database, params.host);
      const id = host.id as HostId; // The same: a row's id is plain text.
      const revoked = await enrolment.revoke(id, caller.name, requestId);
      hub.cutOff(id, "its certificate was revoked");
      return { revoked };
    }),
  };

  function guarding(
    guard: GuardReport | null | undefined,
  ): Pick<HostView, "hasGuard" | "watchdog"> {
    if (!guard) return { hasGuard: guard === null ? false : null, watchdog: null };
    const { kind, isArmed } = guard.watchdog;
    return { hasGuard: true, watchdog: isArmed ? kind : "none" };
  }

  function checkMode(host: HostRow, mode: HostRow["mode"]): void {
    const event = ({ enabled: "enable", draining: "drain", maintenance: "maintain" } as const)[
      mode
    ];
    const reaction = hostModes.react(host.mode, event);
    if (!("refused" in reaction)) return;
    throw problem(
      "conflict",
      "host_mode_conflict",
      `${host.name} is in ${host.mode} and cannot be set to ${mode} from there.`,
      {
        fix: `It can from: ${reaction.accepting.join(", ")}.`,
      },
    );
  }

  async function checkCluster(name: string): Promise<void> {
    const [found] = await database.query("select from cluster where name = $1", [name]);
    if (!found)
      throw problem("not_found", "cluster_not_found", `There is no cluster ${name}.`, {
        fix: "The first one is called default.",
      });
  }
}
