/** What a wish says of the machine that is wished for. */
import type { Wish, WishedDisk } from "@holdfast/cloud/hosts";
import { problem } from "@holdfast/kernel/problem";

export function rootOf(wish: Wish): WishedDisk {
  const [root] = specOf(wish).disks;
  if (root) return root;
  throw problem("bug", "wish_incomplete", "A manager asked for an instance without a disk.");
}

export function specOf(wish: Wish): NonNullable<Wish["spec"]> {
  if (wish.spec) return wish.spec;
  throw problem(
    "bug",
    "wish_incomplete",
    "A manager asked for an instance without saying what it is.",
  );
}
