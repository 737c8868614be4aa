/** What the world may ask about networks. Pure declarations; edge/routes.ts answers them. */
export * from "./api/addresses.ts";
export * from "./api/networks.ts";
export * from "./api/security-groups.ts";
