/** The end of a world: whatever is in it is taken away, as its users would, so that what stays was leaked. */
import type { Stage } from "./operation.ts";
import { project } from "./user.ts";

export async function clear({ world, ask, until }: Stage): Promise<void> {
  const find = async (text: string) =>
    (
      await world.sql.query<{ name: string }>(`select id::text as name from ${text} order by id`)
    ).map(({ name }) => name);
  const post = (path: string) => ask("POST", project + path, {});
  const remove = (path: string) => ask("DELETE", project + path);
  const alive = "instance where state not in ('destroyed', 'expunging', 'expunged')";
  for (const { station } of world.sites) if (!station.isOn()) await station.on();
  for (const id of await find("instance where is_protected and state <> 'expunged'"))
    await ask("PUT", `${project}/instances/${id}/protection`, { isProtected: false });
  for (const id of await find(alive)) await post(`/instances/${id}/destroy`);
  await until("all are destroyed", async () => (await find(alive)).length === 0);
  for (const id of await find("snapshot")) await remove(`/snapshots/${id}`);
  for (const id of await find("backup")) await remove(`/backups/${id}`);
  for (const id of await find("instance where state = 'destroyed'"))
    await post(`/instances/${id}/expunge`);
  const data = "volume v where v.state not in ('expunging', 'expunged') and v.kind = 'data'";
  await until("all volumes are deleted", async () => {
    const left = await find(data);
    for (const id of left) {
      await post(`/volumes/${id}/detach`);
      await remove(`/volumes/${id}`);
    }
    return left.length === 0;
  });
}
