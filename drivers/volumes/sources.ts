/**
 * Disks on storage that QEMU itself speaks to: Ceph RBD, NFS and iSCSI, told as one URL.
 *
 * No secrets go into a URL: it ends up on a command line that everybody on the host can read. Ceph finds its
 * key in its own configuration, and iSCSI is meant for a network of its own.
 *
 * There is no pool behind these yet: whoever runs such storage makes the volumes. None of the three keeps two
 * writers apart, so all of them are shared, and their holder must be dead before another opens them.
 */
import type { Blockdev, BlockSource } from "@holdfast/kernel/block";
import { sourceInvalid } from "./problems.ts";

/** Throws `block_source_invalid`. */
export function sourceFromUrl(text: string, format: "qcow2" | "raw" = "raw"): BlockSource {
  const url = parse(text);
  if (url.username || url.password) throw sourceInvalid("it has a name or password in it");
  if (url.search || url.hash) throw sourceInvalid("it has a question mark or a number sign in it");
  const protocol = protocols[url.protocol];
  if (!protocol) throw sourceInvalid(`${url.protocol} is not rbd:, nfs: or iscsi:`);
  const path = url.pathname.split("/").slice(1).map(decoded);
  if (path.some((part) => part === "" || part === "." || part === ".." || part.includes("/")))
    throw sourceInvalid("a part of its path is empty or leads out of it");
  const file = protocol(url, path);
  return { blockdev: { driver: format, file }, files: [], doors: [], isShared: true };
}

type Protocol = (url: URL, path: readonly string[]) => Blockdev;

const protocols: Readonly<Record<string, Protocol | undefined>> = {
  "rbd:": ({ hostname: pool, port }, [image, ...rest]) => {
    if (!pool || port || !image || rest.length > 0)
      throw sourceInvalid("it is not rbd://POOL/IMAGE");
    return { driver: "rbd", pool: decoded(pool), image };
  },
  "nfs:": ({ hostname: host, port }, path) => {
    if (!host || port || path.length === 0) throw sourceInvalid("it is not nfs://SERVER/PATH");
    return {
      driver: "nfs",
      server: { type: "inet", host: bare(host) },
      path: `/${path.join("/")}`,
    };
  },
  "iscsi:": ({ host, hostname }, [target, unit, ...rest]) => {
    const lun = Number(unit);
    const isRight = hostname && target && unit !== undefined && rest.length === 0;
    if (!isRight || !Number.isInteger(lun) || lun < 0 || lun > 16_383)
      throw sourceInvalid("it is not iscsi://PORTAL/TARGET/LUN");
    if (!/^(iqn\.\d{4}-\d{2}\.|eui\.|naa\.)/.test(target))
      throw sourceInvalid(`${target} is not the name of an iSCSI target`);
    return { driver: "iscsi", transport: "tcp", portal: host, target, lun };
  },
};

function parse(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw sourceInvalid("it is not a URL");
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw sourceInvalid("it has a % that means nothing");
  }
}

/** QEMU wants an IPv6 address without its brackets. */
const bare = (host: string) => host.replace(/^\[(.*)\]$/, "$1");
