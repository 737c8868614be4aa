import { frozenAgent } from "../stage/frozen-agent.ts";

export const script = frozenAgent(6); // 30 s.
