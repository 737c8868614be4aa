/**
 * Where an agent keeps what it has, all under the state directory.
 *
 * Guests' processes run as users of their own and must get through to their disks, images and sockets,
 * so the folders above those may be passed, and only those.
 */
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";

const passable = {
  run: 0o711,
  volumes: 0o711,
  images: 0o755,
  networks: 0o755,
  storage: 0o711,
  tiny: 0o755,
  relay: 0o711,
  templates: 0o711,
} as const;
const closed = { agent: 0o700, guard: 0o700, logs: 0o755 } as const;
const modes = { ...passable, ...closed };

export type Directories = Readonly<Record<keyof typeof modes, string>>;

export async function makeDirectories(state: string): Promise<Directories> {
  await mkdir(state, { recursive: true });
  await chmod(state, 0o755);
  const entries = Object.entries(modes).map(async ([name, mode]) => {
    const path = join(state, name);
    await mkdir(path, { recursive: true });
    await chmod(path, mode);
    return [name, path] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as Directories; // One entry for each name.
}
