/**
 * An image whose guests are reached by SSH within seconds, for tests in which a full Debian would take minutes: `tiny`, with
 * Debian's dropbear.
 *
 * Linux unpacks RAM filesystems that stand one behind the other, and later files take the place of earlier ones. So a
 * second one is put behind that of `tiny`, which itself stays as it is.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import type { ImageView } from "@holdfast/cloud/images/api";
import { fileBlobs } from "@holdfast/drivers/images/files";
import { cpio, type Entry, parents } from "../../drivers/images/tiny/cpio.ts";
import type { Installation } from "./installation.ts";

const run = promisify(execFile);
const name = "tiny-ssh";
/** Packer copies files with scp, which has to be in the guest as well. */
const programs = ["/usr/sbin/dropbear", "/usr/bin/scp"];

/**
 * Who may enter is asked as EC2's images ask: with a token, of the metadata service. Busybox's wget cannot PUT, so HTTP
 * is spoken by hand. Host keys are made when they are first needed.
 */
const server = `#!/bin/busybox sh
export PATH=/sbin:/bin:/usr/sbin:/usr/bin
ask() {
  printf '%s /latest/%s HTTP/1.0\\r\\nHost: 169.254.169.254\\r\\n%s\\r\\n\\r\\n' "$1" "$2" "$3" |
    nc 169.254.169.254 80 | sed '1,/^\\r$/d'
}
until token=$(ask PUT api/token "X-aws-ec2-metadata-token-ttl-seconds: 60") && [ "$token" ]; do sleep 1; done
mkdir -p -m 700 /root/.ssh /etc/dropbear
for key in $(ask GET meta-data/public-keys/ "X-aws-ec2-metadata-token: $token"); do
  ask GET "meta-data/public-keys/\${key%%=*}/openssh-key" "X-aws-ec2-metadata-token: $token"
  echo
done >/root/.ssh/authorized_keys
dropbear -R -s -E
`;

/** Everybody's from now on. `here`: an installation with `tiny`. Returns its name. */
export async function registerSshImage(here: Installation): Promise<string> {
  const { images } = (
    await here.call<{ images: ImageView[] }>("GET", "/v1/projects/default/images")
  ).body;
  const manifest = images.find((image) => image.name === "tiny")?.manifest as TinyManifest;
  const blobs = await fileBlobs(join(here.state, "images"));
  const file = (await blobs.find(manifest.direct.initrd)) ?? "";
  const both = Buffer.concat([await readFile(file), cpio(await entries())]);
  const { digest } = await blobs.put(Readable.from([both]));
  const direct = { ...manifest.direct, initrd: digest };
  const { disk, saysReady } = manifest;
  const body = {
    name,
    source: "tiny and dropbear, by a test",
    manifest: { disk, saysReady, direct, smallestMemoryMiB: 128 },
  };
  const { status, body: said } = await here.call("POST", "/v1/images", body, {
    "idempotency-key": name,
  });
  if (status !== 201) throw new Error(JSON.stringify(said));
  return name;
}

/** What `up` has registered. */
interface TinyManifest {
  readonly disk: unknown;
  readonly saysReady: boolean;
  readonly direct: { readonly kernel: string; readonly initrd: `sha256:${string}` };
}

async function entries(): Promise<readonly Entry[]> {
  const libraries = await Promise.all(programs.map(librariesOf));
  const files = await Promise.all(
    [...new Set([...programs, ...libraries.flat()])].map((path) => program(path)),
  );
  const start = "::once:/sbin/ssh-server\n";
  const inittab = await readFile(
    join(import.meta.dirname, "../../drivers/images/tiny/rootfs/etc/inittab"),
    "utf8",
  );
  const all: readonly Entry[] = [
    ...files,
    { path: "sbin/ssh-server", is: "file", content: Buffer.from(server), executable: true },
    {
      path: "etc/inittab",
      is: "file",
      content: Buffer.from(inittab + start),
      executable: false,
    },
  ];
  return [...parents(all.map(({ path }) => path)), ...all];
}

async function program(path: string): Promise<Entry> {
  return { path: path.slice(1), is: "file", content: await readFile(path), executable: true };
}

/** Where the loader finds what a program is linked with, and the loader itself. */
async function librariesOf(path: string): Promise<readonly string[]> {
  const { stdout } = await run("ldd", [path]);
  return Array.from(stdout.matchAll(/(\/\S+) \(0x/g), ([, file = ""]) => file);
}
