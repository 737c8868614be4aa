/** Networks: what guests are connected to. What other capabilities may use. */
export { canonical } from "./core/cidr.ts";
export type { Facts } from "./core/model.ts";
export {
  type GroupPicture,
  type NetworkHosts,
  NetworkParts,
  NetworkPeers,
  NetworkPicture,
  type PortPicture,
  type RouterPicture,
} from "./core/picture.ts";
export { isSupply } from "./core/plan.ts";
