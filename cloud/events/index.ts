/** Events: what is planned for instances. What other capabilities may use. */
export { type MaintenancePolicy, maintenancePolicies } from "./core/maintenance.ts";
export { type EventCode, eventCodes, meanings } from "./core/model.ts";
export { type Day, days, type WeekRange } from "./core/windows.ts";
