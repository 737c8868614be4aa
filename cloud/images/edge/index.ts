/** What a process wires together to have images. For apps/ and other edges. */
export { beginCapture, finishCapture } from "./captures.ts";
export { findImage, findImageView, mayUse } from "./images.ts";
export { imageImports } from "./imports.ts";
export { type ManifestCache, type ManifestSource, manifestCache, manifestOf } from "./manifests.ts";
export { imageRoutes } from "./routes.ts";
