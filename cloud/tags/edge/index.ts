/** What whoever makes, shows and lists something asks, and what a process wires together. */
export { changeTags, type TagChange, type Thing } from "./change.ts";
export { tagRoutes } from "./routes.ts";
export {
  insertTags,
  mustBeTagged,
  putTags,
  readRequiredTags,
  taggedAs,
  tagsOf,
  tagsOrNull,
} from "./tags.ts";
