/** `placement explain`: where an instance would go, and why not elsewhere. Changes nothing. */
import { explainPlacement } from "@holdfast/cloud/placement/api";
import { exits } from "../exits.ts";
import type { Group } from "../group.ts";
import { list } from "../options.ts";
import { explanation } from "../text/fleet.ts";

interface Options {
  readonly type?: string;
  readonly zone?: string;
  readonly hostTag?: readonly string[];
  readonly antiAffinity?: string;
}

export const placementGroup: Group = (program, open) => {
  program
    .command("placement")
    .summary("ask where an instance would go")
    .description("Questions to placement.")
    .command("explain")
    .summary("dry run with the verdict of every host")
    .description(explainPlacement.summary)
    .option("--type <type>", "how large (tiny)")
    .option("--zone <zone>", "only in this zone")
    .option("--host-tag <tag>", "only on hosts with this tag; may be repeated", list)
    .option(
      "--anti-affinity <group>",
      "never on a host with another of this group; in other zones and pods if possible",
    )
    .action(async ({ type, zone, hostTag, antiAffinity }: Options, command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const body = {
        type,
        zone,
        hostTags: hostTag && [...hostTag],
        antiAffinityGroup: antiAffinity,
      };
      const asked = session.call(explainPlacement, { params, body });
      const reply = await session.named("type", type ?? "tiny", asked);
      session.show(reply, () => explanation(reply, session.paint));
      if (reply.chosen === null) session.leaveWith(exits.exhausted.code);
    });
};
