/** Events: what is planned for instances. What other capabilities may use. */
export { type EventCode, eventCodes, meanings } from "./core/model.ts";
