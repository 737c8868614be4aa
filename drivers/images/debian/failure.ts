/**
 * The problems of building an image out of Debian's packages. What life brings often (no mirror, no room)
 * has a code of its own; everything else names the step.
 */
import { type Problem, problem } from "@holdfast/kernel/problem";

/** How mmdebstrap, apt and dpkg say it. */
const full = /No space left on device|ENOSPC|do(?:es)? ?n.t have enough free space/i;
const away =
  /Failed to fetch|Could not (?:resolve|connect)|Temporary failure (?:in name|resolving)|Unable to connect|Connection (?:failed|refused|timed out)|apt-get update.*failed/i;

export function imageBuildFailed(step: string, why: string, fix: string, cause?: unknown): Problem {
  if (full.test(why) || full.test(String((cause as { stderr?: string } | undefined)?.stderr)))
    return noRoom(cause);
  const message = `The image was not built: the step "${step}" failed. ${why}`;
  return problem("unavailable", "image_build_failed", message, { fix, facts: { step } }, cause);
}

export const noRoom = (
  cause?: unknown,
  where?: { directory: string; free: number; needed: number },
) =>
  problem(
    "exhausted",
    "image_build_no_room",
    where
      ? `Building needs ${gib(where.needed)} in ${where.directory}, which has ${gib(where.free)} free.`
      : "The disk was full before the image was built. Nothing was left behind.",
    { fix: "Make room, or give another directory: --work DIRECTORY" },
    cause,
  );

/** `mirror` is the address that was asked. */
export const isAway = (error: unknown): boolean => {
  const { stderr } = (error ?? {}) as { stderr?: string }; // What execFile rejects with, if it is that.
  return stderr !== undefined && away.test(stderr);
};

export const mirrorUnreachable = (mirror: string, cause?: unknown): Problem =>
  problem(
    "unavailable",
    "mirror_unreachable",
    `Debian's packages could not be fetched from ${mirror}.`,
    {
      fix: "Check that this machine reaches it, or give another: --mirror http://MIRROR/debian",
      facts: { mirror },
    },
    cause,
  );

const gib = (bytes: number) => `${(bytes / (1 << 30)).toFixed(1)} GiB`;
