/** Pages: how many of a list are shown at once, and where the next begins. The tokens are made in edge/pages.ts. */
import { badValue, combination } from "./errors.ts";

/** More than this are never shown at once, also where a client asks for no page: it is told where to go on. */
export const largestPage = 1_000;

export interface Asked {
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export function pageSize(
  { MaxResults }: Asked,
  ids: readonly string[] | undefined,
  idName: string,
): number {
  if (MaxResults === undefined) return largestPage;
  if (ids && ids.length > 0)
    throw combination(`The parameter ${idName} cannot be used with the parameter maxResults`);
  if (MaxResults < 5 || MaxResults > largestPage)
    throw badValue("maxResults", String(MaxResults), `It must be from 5 to ${largestPage}.`);
  return MaxResults;
}
