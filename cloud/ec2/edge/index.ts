/** What a process wires together to be asked in EC2's way. For apps/ only. */
export type { Ec2Deps, Gate } from "./call.ts";
export { type Answer, type DoorDeps, ec2Door, type Limits } from "./door.ts";
export { takingEc2Ids } from "./native-ids.ts";
export type { Signer, Signers } from "./signers.ts";
