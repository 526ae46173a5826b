// A small client of ASP.NET Core SignalR: the hub protocol in JSON over WebSockets, server-sent events or long polling.
//
//     const connection = new CoreConnection({ path: "chathub", query: { user: "ada" } });
//     connection.on("ChatHub", "broadcastMessage", (name, message) => ...);
//     connection.addEventListener("statechange", ({ detail }) => ...);   // { state, transport, fresh, reason, final }
//     connection.start();
//     await connection.invoke("ChatHub", "send", "ada", "hello");
//
// The same interface as HubConnection in signalr.js; the hub's name is ignored, because a path serves one hub.
//
// A Link is one connection: negotiated, with an open transport and a completed handshake. The protocol has no cursor:
// when a link ends, the next one is a new connection without groups, and messages sent in between are lost. Like
// Microsoft's client, it reconnects after 0, 2, 10 and 30 s and then gives up; it does not reconnect if the node closes
// the connection without `allowReconnect`, or if the first connection fails.

import { onAbort, sleep } from "./web.js";
import { Endpoint, Link, MESSAGE } from "./core-link.js";
import { transports } from "./core-transports.js";

/** In milliseconds; the same as in Microsoft's client, except `open`, which that client does not limit. */
const TIMES = {
  reconnect: [0, 2_000, 10_000, 30_000],
  open: 6_000,
  handshake: 15_000,
  ping: 15_000,
  silence: 30_000,
  poll: 100_000,
};
const NO_RESULT = "Client didn't provide a result.";

export const TRANSPORTS = Object.keys(transports);

// MARK: CoreConnection

/** Dispatches `statechange`; `fresh` is true for a new connection, `final` if no automatic reconnect follows. */
export class CoreConnection extends EventTarget {
  state = "disconnected";
  #path;
  #query;
  #transports;
  #times;
  #handlers = new Map();
  #pending = new Map();
  #nextId = 0;
  #life = null;
  #link = null;

  /** `times` overrides some of TIMES. */
  constructor({ path, query = {}, transports = TRANSPORTS, times = {} }) {
    super();
    this.#path = path;
    this.#query = query;
    this.#transports = transports;
    this.#times = { ...TIMES, ...times };
  }

  /** Calls back with the arguments of each call of `method`; the client's result is that of the last callback. */
  on(hub, method, callback) {
    const key = method.toLowerCase();
    this.#handlers.set(key, [...(this.#handlers.get(key) ?? []), callback]);
  }

  start() {
    if (this.#life) return;
    this.#life = new AbortController();
    this.#run(this.#life.signal);
  }

  stop() {
    if (!this.#life) return;
    const reason = new Error("The connection was stopped.");
    this.#life.abort(reason);
    this.#life = null;
    this.#drop(reason);
    this.#become("disconnected");
  }

  /** Resolves with the method's result; rejects with the hub's error, or if no response can arrive any more. */
  async invoke(hub, method, ...args) {
    const link = this.#link;
    if (!link) throw new Error("There is no connection to the node.");
    const invocationId = String(this.#nextId++);
    return new Promise((resolve, reject) => {
      this.#pending.set(invocationId, { resolve, reject });
      link.send({ type: MESSAGE.invocation, invocationId, target: method, arguments: args }).catch((error) => {
        this.#settle({ invocationId, error: error.message });
      });
    });
  }

  // MARK: Connecting

  async #run(signal) {
    this.#become("connecting");
    try {
      for (let link = await this.#connect(signal); ; ) {
        this.#link = link;
        this.#become("connected", { transport: link.transport, fresh: true });
        const reason = await link.ended;
        this.#drop(reason);
        signal.throwIfAborted();
        if (reason.isFinal) throw reason;
        this.#become("reconnecting", { transport: link.transport, reason: reason.message });
        link = await this.#reconnect(signal);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#life = null;
      this.#become("disconnected", { reason: error.message, final: true });
    }
  }

  async #reconnect(signal) {
    let failure;
    for (const delay of this.#times.reconnect) {
      await sleep(delay, signal);
      try {
        return await this.#connect(signal);
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure ?? new Error("The connection was lost.");
  }

  /** Tries transports in the node's order. Each gets a new negotiation: a failed one may have used up the old id. */
  async #connect(signal) {
    const endpoint = new Endpoint(this.#path, this.#query, this.#times);
    const tried = new Set();
    for (let failure = new Error("The node does not offer any of the requested transports."); ; ) {
      const offered = (await endpoint.negotiate(signal)).map((name) => name[0].toLowerCase() + name.slice(1));
      const transport = offered.find((name) => this.#transports.includes(name) && !tried.has(name));
      if (transport === undefined) throw failure;
      tried.add(transport);
      try {
        return await this.#open(transport, endpoint, signal);
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
    }
  }

  async #open(transport, endpoint, signal) {
    signal.throwIfAborted();
    const link = new Link(transport, this.#times, (message, from) => this.#receive(message, from));
    const forget = onAbort(signal, (reason) => link.end(reason));
    onAbort(link.signal, forget);
    await link.open(endpoint);
    return link;
  }

  #drop(reason) {
    this.#link = null;
    const error = new Error(`No answer came, so it may have arrived all the same. ${reason.message}`);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #become(state, { transport = null, fresh = false, reason = null, final = false } = {}) {
    if (state === this.state && state !== "connected" && !final) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("statechange", { detail: { state, transport, fresh, reason, final } }));
  }

  // MARK: Receiving

  #receive(message, link) {
    switch (message.type) {
    case MESSAGE.invocation: return this.#dispatch(message, link);
    case MESSAGE.completion: return this.#settle(message);
    case MESSAGE.close: {
      const reason = new Error(message.error ?? "The node closed the connection.");
      return link.end(Object.assign(reason, { isFinal: message.allowReconnect !== true }));
    }
    }
  }

  #settle({ invocationId, result = null, error }) {
    const call = this.#pending.get(invocationId);
    this.#pending.delete(invocationId);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(error));
  }

  async #dispatch({ invocationId, target, arguments: args = [] }, link) {
    const reply = { type: MESSAGE.completion, invocationId, error: NO_RESULT };
    for (const callback of this.#handlers.get(target.toLowerCase()) ?? []) {
      try {
        const result = await callback(...args);
        if (result !== undefined) Object.assign(reply, { result, error: undefined });
      } catch (error) {
        reportError(error);
        Object.assign(reply, { result: undefined, error: String(error) });
      }
    }
    if (invocationId !== undefined && invocationId !== null) link.send(reply).catch(() => {});
  }
}
