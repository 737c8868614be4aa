/** `types`: the sizes that instances come in. */
import { listTypes, putType } from "@holdfast/cloud/types/api";
import { type Group, listing } from "../group.ts";
import { bytesPerSecond, whole } from "../options.ts";
import { typeTable } from "../text/catalogue.ts";

interface Size {
  readonly cpus: number;
  readonly memory: number;
  readonly disk: number;
  readonly diskIops?: number;
  readonly diskSpeed?: number;
}

export const typesGroup: Group = (program, open) => {
  const types = listing(
    program,
    "types",
    "list instance types, or set one",
    "Lists the sizes that instances come in.",
    async (command) => {
      const session = open(command);
      const reply = await session.call(listTypes);
      session.show(reply, () => typeTable(reply.types, session.paint));
    },
  );

  types
    .command("set")
    .summary("add or change a type")
    .description(putType.summary)
    .argument("<type>", "its name")
    .requiredOption("--cpus <n>", "processors", whole)
    .requiredOption("--memory <MiB>", "memory", whole)
    .requiredOption("--disk <GiB>", "root volume", whole)
    .option("--disk-iops <n>", "at most so many requests per second to it (unlimited)", whole)
    .option(
      "--disk-speed <bytes>",
      "at most so many bytes per second: 20M, 1G (unlimited)",
      bytesPerSecond,
    )
    .action(async (type: string, options: Size, command) => {
      const session = open(command);
      const { cpus, memory, disk, diskIops = null, diskSpeed = null } = options;
      const limits = { diskIops, diskBytesPerSecond: diskSpeed };
      const body = { cpus, memoryMiB: memory, diskGiB: disk, ...limits };
      const reply = await session.call(putType, { params: { type }, body });
      session.show(reply, () => typeTable([reply], session.paint));
    });
};
