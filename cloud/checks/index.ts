/** Status checks: how instances look from outside. What other capabilities and the console may use. */
export { alarmActions, alarmChecks } from "./core/alarm.ts";
export { type Check, type Limits, summaries } from "./core/model.ts";
export { mostNames, nobodyElse, type Trouble, type TroubleSource } from "./core/trouble.ts";
