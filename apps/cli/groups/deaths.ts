/** `why`: the certificate of an instance's death. `deaths`: those of the whole platform, for operators. */

import { type DeathView, getDeath, listDeaths, listFleetDeaths } from "@holdfast/cloud/deaths/api";
import { onePage } from "@holdfast/kernel/pages";
import type { Group } from "../group.ts";
import { count, whole } from "../options.ts";
import { deathTable, whyText } from "../text/deaths.ts";

interface WhyOptions {
  readonly generation?: number;
}

interface DeathsOptions {
  readonly cause?: string;
  readonly hours?: number;
  readonly limit: number;
}

/** As many as the route gives at once. */
const mostAtOnce = 1_000;

export const deathsGroup: Group = (program, open) => {
  program
    .command("why")
    .summary("say why an instance died")
    .description(
      "Shows the certificate of an instance's last death: its cause, the evidence, what was looked for and not found, what Holdfast did about it, and what to do next.",
    )
    .argument("<instance>", "its name or id")
    .option("-g, --generation <n>", "the launch that is asked about, counted from 1", whole)
    .action(async (instance: string, { generation }: WhyOptions, command) => {
      const session = open(command);
      const params = { project: session.options.project, instance };
      const asked = session.call(getDeath, { params, query: { generation } });
      const reply = await session.named("instance", instance, asked);
      session.show(reply, () => whyText(reply, session.now(), session.paint));
    });

  program
    .command("deaths")
    .summary("list deaths and their causes")
    .description(
      "Lists the deaths of an instance, or without one those of the whole platform, youngest first.",
    )
    .argument("[instance]", "its name or id")
    .option("--cause <class>", "only those of this cause; docs/causes.md has them all")
    .option("--hours <n>", "only those of the last hours", count)
    .option("-n, --limit <n>", "how many at most", count, 50)
    .action(async (instance: string | undefined, options: DeathsOptions, command) => {
      const session = open(command);
      const { cause, hours, limit } = options;
      const since = hours === undefined ? undefined : session.now() - hours * 3_600_000;
      const reply = await (instance === undefined
        ? session.call(listFleetDeaths, { query: { cause, since, limit } })
        : session.named("instance", instance, ofInstance(instance)));
      const { deaths } = reply;
      session.show(reply, () =>
        deaths.length > 0
          ? deathTable(deaths, session.now(), session.paint)
          : `${instance ?? "Nobody"} has ${instance ? "not " : ""}died${cause || hours ? " like that" : ""}.`,
      );

      /** The route knows of no cause and no time, so all of them are looked through. */
      async function ofInstance(name: string) {
        const params = { project: session.options.project, instance: name };
        const page = (query: { limit: number; after?: string | undefined }) =>
          session.call(listDeaths, { params, query });
        const all =
          cause || hours
            ? await onePage("deaths", (after) => page({ limit: mostAtOnce, after }))
            : await page({ limit });
        const isMeant = (one: DeathView) =>
          (!cause || one.cause === cause) && (since === undefined || one.at >= since);
        return { deaths: all.deaths.filter(isMeant).slice(0, limit), next: null };
      }
    });
};
