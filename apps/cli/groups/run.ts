/** `run`: new instances, described by options and left to the platform. */
import { type MaintenancePolicy, maintenancePolicies } from "@holdfast/cloud/events";
import { type InstanceView, runInstances } from "@holdfast/cloud/instances/api";
import { type MetadataTokens, metadataTokens } from "@holdfast/cloud/metadata";
import { Option } from "commander";
import type { Group } from "../group.ts";
import { textIn } from "../input.ts";
import { list, tag, whole } from "../options.ts";
import { patientCall } from "../session.ts";
import { instanceSummary, instanceTable } from "../text/instances.ts";
import { waitForJobs } from "../wait.ts";
import { recoveryOption } from "./recovery.ts";

interface Options {
  readonly count?: number;
  readonly type?: string;
  readonly image?: string;
  readonly zone?: string;
  readonly hostTag?: readonly string[];
  readonly antiAffinity?: string;
  readonly userData?: string;
  readonly disk?: number;
  readonly volume?: readonly string[];
  readonly ephemeral?: number;
  /** False for `--no-network`. */
  readonly network?: readonly string[] | false;
  readonly public?: true;
  readonly tag?: Readonly<Record<string, string>>;
  readonly group?: readonly string[];
  readonly key?: readonly string[];
  readonly maintenance?: MaintenancePolicy;
  readonly protect?: true;
  readonly paused?: true;
  readonly metadata?: "on" | "off";
  readonly metadataTokens?: MetadataTokens;
  readonly metadataHops?: number;
  readonly encrypted?: true;
  readonly pool?: string;
  readonly recovery?: InstanceView["recovery"];
  readonly priority?: number;
  readonly dependsOn?: readonly string[];
  readonly wait?: true;
  readonly idempotencyKey?: string;
}

export const runGroup: Group = (program, open) => {
  program
    .command("run")
    .summary("run new instances")
    .description(
      "Runs new instances. Their ids are final at once; the platform finds hosts for them.",
    )
    .argument("[name]", "made up if absent; with --count a number is appended")
    .option("--count <n>", "how many (1)", whole)
    .option("--type <type>", "how large: see `holdfast types` (tiny)")
    .option("--image <image>", "what they start from: see `holdfast images` (tiny)")
    .option("--zone <zone>", "only in this zone")
    .option("--host-tag <tag>", "only on hosts with this tag; may be repeated", list)
    .option(
      "--anti-affinity <group>",
      "never on a host with another of this group; in other zones and pods if possible",
    )
    .option(
      "--user-data <file>",
      "run by the guest at boot if it begins with #!; - reads standard input",
    )
    .option("--disk <GiB>", "size of the root volume (the type's)", whole)
    .option(
      "--volume <volume>",
      "a volume to attach, or GiB of a new one that is deleted with it; may be repeated",
      list,
    )
    .option("--ephemeral <GiB>", "a disk that survives a reboot and nothing else", whole)
    .option(
      "--network <network>",
      "what to connect it to: see `holdfast networks`; may be repeated (default)",
      list,
    )
    .option("--no-network", "connect it to nothing, not even to the network default")
    .option("--public", "a public address of its own while it runs")
    .option(
      "--tag <key=value>",
      "a tag on it, for people and bills; may be repeated; some may be required",
      tag,
    )
    .option("--group <security-group>", "a security group to put it in; may be repeated", list)
    .option(
      "--key <key>",
      "an SSH key for its guest: see `holdfast keypairs`; may be repeated",
      list,
    )
    .addOption(
      new Option(
        "--maintenance <policy>",
        "what is done with it when its host is emptied (migrate)",
      ).choices(maintenancePolicies),
    )
    .option("--protect", "refuse to destroy them until `holdfast protect NAME --off`")
    .option("--paused", "create them with their processors stopped")
    .addOption(
      new Option(
        "--metadata-tokens <whether>",
        "whether its guest needs a token at the metadata address (optional)",
      ).choices(metadataTokens),
    )
    .option(
      "--metadata-hops <n>",
      "how many hops answers to one that needs a token reach (1)",
      whole,
    )
    .addOption(
      new Option("--metadata <whether>", "whether its guest is answered there at all (on)").choices(
        ["on", "off"],
      ),
    )
    .option(
      "--pool <pool>",
      "where the root volume is made: local, or a shared pool of `holdfast hosts`",
    )
    .option("--encrypted", "encrypt its root volume and every new disk")
    .addOption(recoveryOption("--recovery <policy>"))
    .option("--priority <n>", "who is started first where not all find room (0)", whole)
    .option(
      "--depends-on <instance>",
      "a restart waits until this one is up; may be repeated",
      list,
    )
    .option("--wait", "wait until they run")
    .option("--idempotency-key <key>", "the same key and the same request are carried out once")
    .addHelpText(
      "after",
      "\nExamples:\n  holdfast run web --wait\n  holdfast run db --type small --count 3 --anti-affinity db",
    )
    .action(async (name: string | undefined, options: Options, command) => {
      const session = open(command);
      const userData = options.userData && (await textIn(options.userData, session.world.stdin));
      const idempotencyKey = options.idempotencyKey ?? session.world.mintId();
      const body = {
        name,
        count: options.count,
        type: options.type,
        image: options.image,
        zone: options.zone,
        hostTags: options.hostTag && [...options.hostTag],
        antiAffinityGroup: options.antiAffinity,
        userData,
        tags: options.tag,
        diskGiB: options.disk,
        volumes: options.volume?.map((volume) => volumeOf(volume, options.encrypted)),
        encrypted: options.encrypted,
        ephemeralGiB: options.ephemeral,
        networks: options.network === false ? [] : options.network && [...options.network],
        isPublic: options.public,
        groups: options.group && [...options.group],
        keys: options.key && [...options.key],
        maintenancePolicy: options.maintenance,
        isProtected: options.protect,
        startPaused: options.paused,
        metadata: options.metadata,
        metadataTokens: options.metadataTokens,
        metadataHops: options.metadataHops,
        pool: options.pool,
        recovery: options.recovery,
        priority: options.priority,
        dependsOn: options.dependsOn && [...options.dependsOn],
      };
      const { project } = session.options;
      const ask = () => session.call(runInstances, { params: { project }, body, idempotencyKey });
      const reply = options.wait ? await patientCall(session, ask) : await ask();
      const text = () =>
        reply.instances.length > 20
          ? instanceSummary(reply.instances)
          : instanceTable(reply.instances, session.now(), session.paint);
      if (!options.wait) {
        session.show(reply, text);
        const [first] = reply.instances;
        session.note(
          `\njob ${reply.job}\nnext: holdfast job ${reply.job} --wait, holdfast show ${first?.name}`,
        );
        return;
      }
      session.note(
        reply.instances
          .map(({ name: one, id }) => `${one} ${id}`)
          .slice(0, 20)
          .join("\n"),
      );
      await waitForJobs(session, [reply]);
      const [first] = reply.instances;
      if (session.exitCode === 0 && reply.instances.length === 1)
        session.note(`next: holdfast console ${first?.name}, holdfast log ${first?.name}`);
    });
};

/** A number is the size of a new one: names begin with a letter. */
const volumeOf = (text: string, encrypted: true | undefined) =>
  /^\d+$/.test(text) ? { sizeGiB: Number(text), encrypted } : { volume: text };
