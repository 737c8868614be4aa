/** Quotas: how much a project may have, and which tags its things must have. What other capabilities may use. */
export { Tags } from "./api.ts";
export { type Amounts, type Asking, type Resource, resources } from "./core/quota.ts";
export { type RequiredTag, tagsRefused } from "./core/tags.ts";
