import { frozenAgent } from "../stage/frozen-agent.ts";

export const script = frozenAgent(0.8); // 4 s.
