/** See many-seeds.ts. */
import { tryManySeeds } from "./many-seeds.ts";

await tryManySeeds(1);
