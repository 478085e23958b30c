// Lends the Node client to the tests: one JSON command per line comes in on standard input, one JSON line
// per answer ({id, result} or {id, error}) and per websocket event ({stream, event, data}) goes out.
import { createInterface } from "node:readline";
import { RestClient, WebsocketClient } from "bitmart-api";

const EVENTS = ["open", "update", "response", "authenticated", "exception", "reconnected", "close"];
const SILENT = { trace() {}, info() {}, error() {} };

const clients = new Map();
const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");

const commands = {
  rest({ name, options }) {
    clients.set(name, new RestClient(options));
  },
  call({ name, method, args }) {
    return clients.get(name)[method](...args);
  },
  stream({ name, options }) {
    const client = new WebsocketClient(options, SILENT);
    for (const event of EVENTS) {
      client.on(event, (data) => say({ stream: name, event, data: plain(data) }));
    }
    clients.set(name, client);
  },
  subscribe({ name, topics }) {
    clients.get(name).subscribe(topics, "spot");
  },
  unsubscribe({ name, topics }) {
    clients.get(name).unsubscribe(topics, "spot");
  },
  close({ name }) {
    clients.get(name).closeAll(true);
    clients.delete(name);
  },
};

// Events of the websocket library hold whole sockets, which are no JSON.
function plain(data) {
  const { ws, event, target, ...rest } = data ?? {};
  return rest;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, command, ...fields } = JSON.parse(line);
  // Not awaited: the next command may come while this one is under way.
  Promise.resolve()
    .then(() => commands[command](fields))
    .then((result) => say({ id, result: result ?? null }))
    .catch((error) => say({ id, error: error instanceof Error ? { message: error.message } : error }));
}
process.exit(0);
