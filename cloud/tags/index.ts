/** Tags: words of users on their things, and which there must be. What other capabilities may use. */
export { TagFilter, Tags, TagsShown } from "./api.ts";
export { type RequiredTag, tagsRefused } from "./core/required.ts";
export {
  longestKey,
  longestValue,
  mostTags,
  type Taggable,
  type TagRowKind,
  taggable,
  taggableKinds,
} from "./core/taggable.ts";
