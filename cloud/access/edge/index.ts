/** What a process wires together to know its callers, and what other edges ask of it. */
export { type Access, access, type Claim, saysWho, visibleProjects } from "./access.ts";
export { ensureDefaultProject } from "./accounts.ts";
export { type KeySecret, newKey, readToken, tokenOf } from "./credentials.ts";
export { installOwner, recoverOwner, whyKeyIsOver } from "./owner.ts";
export { accessRoutes } from "./routes.ts";
export { checkPlatformKey, platformKeyIn, type Seal, sealWith } from "./seal.ts";
export { csrfIn } from "./sessions.ts";
export { changeShares, sharedWith, sharesWith } from "./shares.ts";
export { giveCookie, signInRoutes } from "./sign-in.ts";
export { signOnRoutes } from "./sign-on-routes.ts";
export { type SingleSignOn, singleSignOn } from "./single-sign-on.ts";
