import { frozenAgent } from "../stage/frozen-agent.ts";

export const script = frozenAgent(2.4); // 12 s.
