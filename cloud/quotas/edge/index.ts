/** What whoever makes something asks first, and what a process wires together. */
export { fitting, holdQuotas, mustFit } from "./quotas.ts";
export { quotaRoutes } from "./routes.ts";
