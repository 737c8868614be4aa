/** LISTEN and NOTIFY of a simulated world: heard after each commit, by whoever is connected then, each in their time. */
import type { Random } from "@holdfast/kernel/random";
import type { Listener, News } from "@holdfast/store/news";
import { after } from "./time.ts";

export interface Channel {
  notify(payload: string): void;
  /** All connections break, and come back by themselves. */
  break(): void;
  listen(
    self: string,
    isThere: () => boolean,
    onNews: (news: News) => void,
    onReconnect: () => void,
  ): Listener;
}

const reconnectAfter = 200;

export function newChannel(random: Random): Channel {
  const listeners = new Set<{ hear(payload: string): void; break(): void }>();
  const pace = () => (20 + random.below(180)) / 100;
  return {
    notify(payload) {
      for (const listener of listeners) listener.hear(payload);
    },
    break() {
      for (const listener of [...listeners]) listener.break();
    },
    listen(self, isThere, onNews, onReconnect) {
      let isOpen = true;
      let lastAt = 0;
      const mine = {
        hear(payload: string) {
          const news = JSON.parse(payload) as News; // Only `announce` writes here.
          if (news.from === self) return;
          lastAt = Math.max(performance.now() + pace(), lastAt);
          after(lastAt - performance.now(), () => {
            if (isOpen && listeners.has(mine)) onNews(news);
          });
        },
        break() {
          listeners.delete(mine);
          if (isOpen) after(reconnectAfter, connect);
        },
      };
      after(2 * pace(), connect);
      return {
        async close() {
          isOpen = false;
          listeners.delete(mine);
        },
      };

      function connect(): void {
        if (!isOpen) return;
        if (!isThere()) {
          after(reconnectAfter, connect);
          return;
        }
        listeners.add(mine);
        onReconnect();
      }
    },
  };
}
