/** The answers to ../api.ts, from the rooms of each noun. */
import { routesOfBackups } from "./backup-routes.ts";
import { type VolumeRouteDeps, volumeChanges } from "./desk.ts";
import { routesOfSnapshots } from "./snapshot-routes.ts";
import { routesOfVolumes } from "./volume-routes.ts";

export function volumeRoutes(deps: VolumeRouteDeps) {
  const changes = volumeChanges(deps);
  return {
    ...routesOfVolumes(deps, changes),
    ...routesOfSnapshots(deps, changes),
    ...routesOfBackups(deps, changes),
  };
}
