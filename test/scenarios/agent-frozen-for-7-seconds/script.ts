import { frozenAgent } from "../stage/frozen-agent.ts";

export const script = frozenAgent(1.4); // 7 s.
