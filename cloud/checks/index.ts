/** Status checks: how instances look from outside. What other capabilities and the console may use. */
export {
  type AlarmAction,
  type AlarmCheck,
  type AlarmState,
  alarmActions,
  alarmChecks,
  alarmStates,
} from "./core/alarm.ts";
export {
  type Check,
  type CheckName,
  type CheckStatus,
  type Checks,
  checkNames,
  type Limits,
  type Summary,
  summaries,
} from "./core/model.ts";
export {
  mostNames,
  nobodyElse,
  type Severity,
  type Trouble,
  type TroubleSource,
} from "./core/trouble.ts";
