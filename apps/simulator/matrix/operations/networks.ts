/** Networks, addresses and security groups. */
import { at, idOf, make, type Operation, type Stage } from "../operation.ts";

const range = "198.51.100.0/28";
const network = async (stage: Stage) => {
  await stage.must("POST", `${at}/networks`, { name: "inner" });
  await stage.rest();
};
const inside = async (stage: Stage) => {
  await stage.must("POST", "/v1/public-ranges", { cidr: range });
  await network(stage);
  await stage.must("POST", `${at}/security-groups`, { name: "doors" });
  await make(stage, "web", { networks: ["inner"] });
};
const allocated = async (stage: Stage) => {
  await inside(stage);
  await stage.must("POST", `${at}/addresses`, { name: "front" });
};
const faced = async (stage: Stage) => {
  await allocated(stage);
  await stage.must("POST", `${at}/addresses/front/attach`, { instance: "web" });
  await stage.rest();
};
const forward = { publicPort: 80, instance: "web", port: 8_080 };
const rules = [{ protocol: "tcp", fromPort: 80, toPort: 80, cidr: "0.0.0.0/0" }];

export const networkOperations: readonly Operation[] = [
  { name: "network-create", act: post("/networks", { name: "inner" }) },
  {
    name: "network-delete",
    async prepare(stage) {
      await inside(stage);
      await stage.must("POST", `${at}/instances/web/destroy`, {});
      await stage.rest();
      await stage.must("POST", `${at}/instances/web/expunge`, {});
      await stage.rest();
    },
    act: remove("/networks/inner"),
  },
  { name: "range-add", act: ({ ask }) => ask("POST", "/v1/public-ranges", { cidr: range }) },
  {
    name: "range-remove",
    prepare: ({ must }) => must("POST", "/v1/public-ranges", { cidr: range }),
    act: ({ ask }) => ask("POST", "/v1/public-ranges/remove", { cidr: range }),
  },
  { name: "address-allocate", prepare: inside, act: post("/addresses", { name: "front" }) },
  {
    name: "address-attach",
    prepare: allocated,
    act: post("/addresses/front/attach", { instance: "web" }),
  },
  { name: "address-detach", prepare: faced, act: post("/addresses/front/detach") },
  { name: "address-release", prepare: allocated, act: remove("/addresses/front") },
  { name: "forward-create", prepare: inside, act: post("/networks/inner/forwards", forward) },
  {
    name: "forward-delete",
    async prepare(stage) {
      await inside(stage);
      await stage.must("POST", `${at}/networks/inner/forwards`, forward);
      await stage.rest();
    },
    act: async (stage) =>
      stage.ask(
        "DELETE",
        `${at}/networks/inner/forwards/${await idOf(stage.world, "port_forward")}`,
      ),
  },
  { name: "group-create", act: post("/security-groups", { name: "doors", rules }) },
  { name: "group-delete", prepare: inside, act: remove("/security-groups/doors") },
  {
    name: "group-rules-add",
    prepare: grouped,
    act: post("/security-groups/doors/rules", { rules }),
  },
  {
    name: "group-rules-remove",
    async prepare(stage) {
      await grouped(stage);
      await stage.must("POST", `${at}/security-groups/doors/rules`, { rules });
      await stage.rest();
    },
    act: async (stage) =>
      stage.ask("POST", `${at}/security-groups/doors/rules/remove`, {
        rules: [await idOf(stage.world, "security_rule where from_port = 80")],
      }),
  },
  {
    name: "instance-groups",
    prepare: inside,
    act: ({ ask }) => ask("PUT", `${at}/instances/web/security-groups`, { groups: ["doors"] }),
  },
];

async function grouped(stage: Stage): Promise<void> {
  await inside(stage);
  await stage.must("PUT", `${at}/instances/web/security-groups`, { groups: ["doors"] });
  await stage.rest();
}

function post(path: string, body: unknown = {}) {
  return ({ ask }: Stage) => ask("POST", at + path, body);
}

function remove(path: string) {
  return ({ ask }: Stage) => ask("DELETE", at + path);
}
