/** `images`: what instances start from, and bringing in new ones. */

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { type Connection, connect } from "@holdfast/client/client";
import { pauseFor } from "@holdfast/client/patience";
import { uploadImage } from "@holdfast/client/upload";
import { recipes } from "@holdfast/cloud/images";
import {
  copyImage,
  deleteImage,
  getImage,
  type ImageView,
  importImage,
  listImages,
  setImageWarmth,
  shareImage,
} from "@holdfast/cloud/images/api";
import { createImageFrom } from "@holdfast/cloud/volumes/api";
import { onePage } from "@holdfast/kernel/pages";
import { Problem, type ProblemView, problem } from "@holdfast/kernel/problem";
import { milliseconds, seconds, since } from "@holdfast/kernel/time";
import { Argument } from "commander";
import { exits } from "../exits.ts";
import { type Group, listing } from "../group.ts";
import { whole } from "../options.ts";
import { patientCall, refusalText, type Session } from "../session.ts";
import { imageDetails, imageTable } from "../text/catalogue.ts";
import { bytes, span } from "../text/words.ts";
import { Interrupted } from "../world.ts";

interface ImportOptions {
  readonly name?: string;
  readonly checksum?: string;
  readonly memory?: number;
  readonly saysReady?: boolean;
  readonly bootTimeout?: number;
  readonly seed?: boolean;
  readonly wait?: true;
}

interface CaptureOptions {
  readonly freeze: boolean;
  readonly wait?: true;
}

interface BuildOptions {
  readonly name?: string;
  readonly mirror?: string;
  readonly work: string;
  readonly wait?: true;
}

export const imagesGroup: Group = (program, open) => {
  const images = listing(
    program,
    "images",
    "list images, or import one",
    "Lists the images that this project may use.",
    async (command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const reply = await onePage("images", (after) =>
        session.call(listImages, { params, query: { after } }),
      );
      session.show(reply, () =>
        reply.images.length > 0
          ? imageTable(reply.images, session.now(), session.paint)
          : "No images. Import one: holdfast images import FILE",
      );
    },
  );

  images
    .command("import")
    .summary("import a qcow2 or raw image")
    .description("Imports a qcow2 or raw image from a file or a URL.")
    .argument("<file-or-url>", "a file here, or a URL that the manager fetches")
    .option("--name <name>", "what to call it (the file's name, without its ending)")
    .option("--checksum <checksum>", "sha256:… that the content must have")
    .option("--memory <MiB>", "the least memory that it boots with (128)", whole)
    .option("--says-ready", "its guests say `holdfast: ready` on their console once they are up")
    .option(
      "--boot-timeout <seconds>",
      "for how long they may boot (instances.boot_timeout)",
      whole,
    )
    .option("--seed", "give its guests a NoCloud disk, if their cloud-init knows no other source")
    .option("--wait", "wait until it is ready")
    .action(async (from: string, options: ImportOptions, command) => {
      const session = open(command);
      const image = await bringIn(session, from, options);
      conclude(session, options.wait ? await untilReady(session, image) : image);
    });

  images
    .command("build")
    .summary("build an image from Debian's packages")
    .description(
      "Builds a full Debian here, on this machine, from Debian's packages only, and imports it. Needs root.",
    )
    .addArgument(new Argument("<recipe>", "what to build").choices(recipes))
    .option("--name <name>", "what to call it (the recipe's name)")
    .option("--mirror <address>", "where the packages are (as for apt on this machine)")
    .option("--work <directory>", "where there are 2.5 GiB for some minutes", "/var/tmp/holdfast")
    .option("--wait", "wait until it is ready")
    .action(async (recipe: string, options: BuildOptions, command) => {
      const session = open(command);
      const name = options.name ?? recipe;
      await mustBeFree(session, name);
      conclude(session, await buildAndImport(session, recipe, name, options));
    });

  images
    .command("create-from")
    .summary("make an image from an instance, also while it runs")
    .description(
      "Makes an image from the root volume of an instance, or from any volume, as it is now.",
    )
    .argument("<instance>", "its name, or a volume's")
    .argument("<name>", "what to call the image")
    .option("--no-freeze", "do not ask the guest to write out its file systems")
    .option("--wait", "wait until it is ready")
    .addHelpText("after", "\nExample:\n  holdfast images create-from web golden --wait")
    .action(async (volume: string, name: string, options: CaptureOptions, command) => {
      const session = open(command);
      const { freeze, wait } = options;
      const params = { project: session.options.project, volume };
      const asked = session.call(createImageFrom, { params, body: { name, freeze } });
      const image = await session.named("volume", volume, asked);
      conclude(session, wait ? await untilReady(session, image) : image);
    });

  images
    .command("copy")
    .summary("copy an image under a new name")
    .description(copyImage.summary)
    .argument("<image>", "its name or id")
    .argument("<name>", "what to call the copy")
    .option("--encrypted", "encrypt what is made of the copy")
    .action(async (image: string, name: string, { encrypted }: { encrypted?: true }, command) => {
      const session = open(command);
      const params = { project: session.options.project, image };
      const asked = session.call(copyImage, { params, body: { name, encrypted } });
      conclude(session, await session.named("image", image, asked));
    });

  images
    .command("share")
    .summary("let another project use an image")
    .description(shareImage.summary)
    .argument("<image>", "its name or id")
    .argument("<projects...>", "their names")
    .option("--off", "they may no longer")
    .addHelpText("after", "\nExample:\n  holdfast images share golden blue green")
    .action(async (image: string, projects: string[], options: { off?: boolean }, command) => {
      const session = open(command);
      const params = { project: session.options.project, image };
      const body = options.off ? { remove: projects } : { add: projects };
      const asked = session.call(shareImage, { params, body });
      conclude(session, await session.named("image", image, asked));
    });

  images
    .command("warm")
    .summary("say that its guests may start from a template")
    .description(
      "Says that the guests of an image know how to wait for their names, so that hosts may start them from the memory of one that has booted before. Takes effect within a minute.",
    )
    .argument("<image>", "its name or id")
    .option("--off", "they are booted from now on")
    .addHelpText("after", "\nExample:\n  holdfast images warm golden")
    .action(async (image: string, options: { readonly off?: boolean }, command) => {
      const session = open(command);
      const params = { project: session.options.project, image };
      const body = { warm: !options.off };
      const asked = session.call(setImageWarmth, { params, body });
      const reply = await session.named("image", image, asked);
      session.show(reply, () => imageDetails(reply, session.now(), session.paint));
    });

  images
    .command("show")
    .summary("show an image")
    .description(
      "Shows an image: its state, where it came from, and what is wrong with it if something is.",
    )
    .argument("<image>", "its name or id")
    .action(async (image: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, image };
      const reply = await session.named("image", image, session.call(getImage, { params }));
      session.show(reply, () => imageDetails(reply, session.now(), session.paint));
    });

  images
    .command("delete")
    .summary("delete an image that no instance stands on")
    .description(deleteImage.summary)
    .argument("<image>", "its name or id")
    .option("--keep", "instances may stand on it, and keep its content")
    .action(async (image: string, options: { keep?: boolean }, command) => {
      const session = open(command);
      const params = { project: session.options.project, image };
      const query = { inUse: options.keep ? "keep" : "refuse" } as const;
      const asked = session.call(deleteImage, { params, query });
      const reply = await session.named("image", image, asked);
      session.show(reply, () => `${reply.name} is deleted.`);
    });
};

/** Shows what has become of it. */
export function conclude(session: Session, image: ImageView): void {
  session.show(image, () => imageDetails(image, session.now(), session.paint));
  if (image.state !== "failed") return;
  if (image.problem) session.progress.above(refusalText(image.problem as ProblemView, session)); // Its kind is one of ours.
  session.leaveWith(exits.failed.code);
}

/** Found out before minutes are spent on it. Rejects with `image_name_taken`. */
async function mustBeFree(session: Session, name: string): Promise<void> {
  const params = { project: session.options.project };
  const { images } = await onePage("images", (after) =>
    session.call(listImages, { params, query: { after } }),
  );
  // What everybody may use is no obstacle: a project's own image of that name comes first.
  if (!images.some((image) => image.name === name && image.project !== null)) return;
  throw problem("conflict", "image_name_taken", `There is an image ${name}.`, {
    fix: `Choose another name with --name, or delete it: holdfast images delete ${name}`,
  });
}

async function buildAndImport(
  session: Session,
  recipe: string,
  name: string,
  { work, mirror, wait }: BuildOptions,
): Promise<ImageView> {
  const { world, progress } = session;
  const begun = world.clock.now();
  const order = { recipe, work, ...(mirror && { mirror }), signal: world.interrupted };
  const built = await world.buildImage(order, (word) => {
    if (word.is === "step") progress.say(`${name}: ${word.step}`);
    if (word.is !== "lacking") return;
    session.note("These Debian packages are missing and will be installed:");
    for (const { name, why } of word.packages) session.note(`    ${name.padEnd(24)} ${why}`);
  });
  try {
    progress.end();
    const took = span(milliseconds(since(begun, world.clock.now())));
    session.note(`${name}: built in ${took}: ${built.says}, ${bytes(built.bytes)}`);
    const { smallestMemoryMiB: memory, bootSeconds: bootTimeout } = built;
    const options = { name, memory, saysReady: true, bootTimeout };
    const image = await bringIn(session, built.file, options);
    return wait ? await untilReady(session, image) : image;
  } finally {
    await built.release();
  }
}

async function bringIn(
  session: Session,
  from: string,
  options: Omit<ImportOptions, "wait">,
): Promise<ImageView> {
  const isUrl = /^https?:\/\//.test(from);
  const { size } = isUrl ? { size: 0 } : await fileAt(from); // Before anything is registered.
  const body = {
    name: options.name ?? nameFor(from),
    checksum: options.checksum,
    ...(isUrl && { url: from }),
    ...(options.memory !== undefined && { smallestMemoryMiB: options.memory }),
    ...(options.saysReady && { saysReady: true }),
    ...(options.bootTimeout !== undefined && { bootSeconds: options.bootTimeout }),
    ...(options.seed && { wantsSeed: true }),
  };
  const { project } = session.options;
  const registered = await session.call(importImage, { params: { project }, body });
  if (isUrl) return registered;
  const { connection } = await session.client();
  const upload = {
    project,
    image: registered.id,
    content: createReadStream(from),
    bytes: size,
    onProgress: (sent: number) => {
      const percent = Math.floor((sent / Math.max(1, size)) * 100);
      if (session.world.stderr.isTTY || percent % 25 === 0)
        session.progress.say(`${registered.name}: sending ${bytes(size)}, ${percent} %`);
    },
  };
  try {
    return await uploadImage(connection, upload);
  } catch (error) {
    if (error instanceof Interrupted) await forget(connection, project, registered.id);
    if (!(error instanceof Problem) || error.code !== "manager_unreachable") throw error;
    const fix = `Delete what has arrived and send it again: holdfast images delete ${registered.name}`;
    throw problem(error.kind, error.code, error.message, { ...error.details, fix }, error);
  } finally {
    session.progress.end();
  }
}

/** An image that will never get its content. Whoever pressed Ctrl-C does not wait long for this. */
async function forget(connection: Connection, project: string, image: string): Promise<void> {
  const client = connect({ ...connection, signal: AbortSignal.timeout(5_000) });
  const params = { project, image };
  await client.call(deleteImage, { params }).catch(() => {}); // Then the manager does it, after a while.
}

async function fileAt(path: string): Promise<{ readonly size: number }> {
  const found = await stat(path).catch((error: unknown) => error);
  if (found instanceof Error || !(found as { isFile(): boolean }).isFile())
    throw problem(
      "invalid",
      "file_unreadable",
      `${path} is not a file that can be read.`,
      {
        fix: "Name a qcow2 or raw image, or a URL that begins with http:// or https://.",
      },
      found instanceof Error ? found : undefined,
    );
  return found as { size: number }; // What is not an error came from stat.
}

/** `Debian-12.qcow2` becomes `debian-12`. The manager says what is wrong with a name. */
const nameFor = (from: string) =>
  basename(from.replace(/[?#].*$/, ""))
    .replace(/\.(qcow2|raw|img)$/i, "")
    .toLowerCase();

export async function untilReady(session: Session, image: ImageView): Promise<ImageView> {
  const params = { project: session.options.project, image: image.id };
  let view = image;
  while (view.state === "importing") {
    session.progress.say(`${image.name}: importing`);
    await pauseFor(session.world.clock, seconds(0.5), session.world.interrupted);
    view = await patientCall(session, () => session.call(getImage, { params }));
  }
  session.progress.end();
  return view;
}
