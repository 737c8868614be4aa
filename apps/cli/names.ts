/** The names of things, for completion and for suggestions: asked for when they are needed, never kept. */
import type { Client } from "@holdfast/client/client";
import { allHosts } from "@holdfast/client/pages";
import { listProjects } from "@holdfast/cloud/access/api";
import { listImages } from "@holdfast/cloud/images/api";
import { listInstances } from "@holdfast/cloud/instances/api";
import { listJobs } from "@holdfast/cloud/jobs/api";
import { listKeys } from "@holdfast/cloud/keys/api";
import { listAddresses, listGroups, listNetworks } from "@holdfast/cloud/networks/api";
import { listSettings } from "@holdfast/cloud/settings/api";
import { listTypes } from "@holdfast/cloud/types/api";
import { listBackups, listSnapshots, listVolumes } from "@holdfast/cloud/volumes/api";
import { Problem, problem } from "@holdfast/kernel/problem";
import { choice, nearest } from "./nearest.ts";

/** What people name on the command line; also the names of arguments and options, without brackets. */
export type Noun =
  | "instance"
  | "host"
  | "image"
  | "job"
  | "network"
  | "address"
  | "security-group"
  | "volume"
  | "snapshot"
  | "backup"
  | "key"
  | "setting"
  | "type"
  | "project";

const ofProject = (project: string) => ({ params: { project } });

const lists: Readonly<
  Record<Noun, (client: Client, project: string) => Promise<readonly string[]>>
> = {
  instance: async (client, project) => {
    const query = { limit: 1_000 };
    const { instances } = await client.call(listInstances, { ...ofProject(project), query });
    return instances.map(({ name }) => name);
  },
  host: async (client) => (await allHosts(client.call)).map(({ name }) => name),
  image: async (client, project) =>
    (await client.call(listImages, ofProject(project))).images.map(({ name }) => name),
  job: async (client, project) =>
    (await client.call(listJobs, ofProject(project))).jobs.map(({ id }) => id),
  network: async (client, project) =>
    (await client.call(listNetworks, ofProject(project))).networks.map(({ name }) => name),
  address: async (client, project) =>
    (await client.call(listAddresses, ofProject(project))).addresses
      .filter(({ kind }) => kind === "static")
      .map(({ name, address }) => name ?? address),
  "security-group": async (client, project) =>
    (await client.call(listGroups, ofProject(project))).groups.map(({ name }) => name),
  volume: async (client, project) =>
    (await client.call(listVolumes, ofProject(project))).volumes.map(({ name }) => name),
  snapshot: async (client, project) =>
    (await client.call(listSnapshots, ofProject(project))).snapshots.map(({ name }) => name),
  backup: async (client, project) =>
    (await client.call(listBackups, ofProject(project))).backups.map(({ id }) => id),
  key: async (client, project) =>
    (await client.call(listKeys, ofProject(project))).keys.map(({ name }) => name),
  setting: async (client) => (await client.call(listSettings)).settings.map(({ name }) => name),
  type: async (client) => (await client.call(listTypes)).types.map(({ name }) => name),
  project: async (client) => (await client.call(listProjects)).projects.map(({ name }) => name),
};

export const isNoun = (text: string): text is Noun => Object.hasOwn(lists, text);

export const namesOf = (client: Client, project: string, noun: Noun) =>
  lists[noun](client, project);

const notFound = (noun: Noun) => `${noun === "security-group" ? "group" : noun}_not_found`;

/**
 * Waits for `answer`; where it fails because there is nothing of that name, the problem that comes out
 * says which names are near. Asking for those must not make anything worse, so its own failure is silent.
 */
export async function suggesting<T>(
  answer: Promise<T>,
  noun: Noun,
  typed: string,
  ask: { readonly client: Client; readonly project: string },
): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== notFound(noun)) throw error;
    const names = await namesOf(ask.client, ask.project, noun).catch(() => []);
    const near = nearest(typed, names);
    if (near.length === 0) throw error;
    const fix = `Did you mean ${choice(near)}? ${error.details.fix ?? ""}`.trim();
    throw problem(error.kind, error.code, error.message, { ...error.details, fix }, error);
  }
}
