/** Quotas: how much a project may have. What other capabilities may use. */
export { type Amounts, type Asking, type Resource, resources } from "./core/quota.ts";
