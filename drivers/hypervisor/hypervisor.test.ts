/** The contract, on the simulated hypervisor and on real QEMU. */
import { hypervisorContract } from "./contract.ts";
import { deathContract } from "./contract-deaths.ts";
import { fixtureHost } from "./fixture-host.ts";
import { simulatedRig } from "./fixture-simulated.ts";

hypervisorContract("simulated", async () => simulatedRig());
deathContract("simulated", async () => simulatedRig());
hypervisorContract("qemu", (t) => fixtureHost(t, process.env.HOLDFAST_TEST_CACHE));
deathContract("qemu", (t) => fixtureHost(t, process.env.HOLDFAST_TEST_CACHE));
