// A small client of the SignalR 2 protocol: calls hubs and listens to them over WebSockets, server-sent events or
// long polling, and reconnects automatically.
//
//     const connection = new HubConnection({ path: "/signalr", query: { user: "ada" } });
//     connection.on("ChatHub", "broadcastMessage", (name, message) => ...);
//     connection.addEventListener("statechange", ({ detail }) => ...);   // { state, transport, fresh, reason }
//     connection.start();
//     await connection.invoke("ChatHub", "send", "ada", "hello");
//
// A node gives each negotiated connection (here: a Session) a token. A Link is one opened transport of a session: when
// it ends, the next link resumes at the session's cursor, so nothing is missed. Only when that fails for
// DisconnectTimeout, or the token is refused, does a new session begin.

import { compact, encode, fetchText, onAbort, request, sleep } from "./web.js";

const CLIENT_PROTOCOL = "2.0";
const FIRST_DELAY = 250;
const LONGEST_DELAY = 5_000;
/** Added to the server's limits, for the round trip. */
const GRACE = 1_000;
/** A link that ends sooner counts as a failure, or a node that refuses everyone would be flooded. */
const SHORT_LIFE = 1_000;
/** Longer than the 30 to 35 s after which a node gives up on a group command. */
const CALL_TIMEOUT = 45_000;
const PLANNED = new Error("The node asked to reconnect.");

// MARK: Transports

/** Each opens a link, passes it received data, and cleans up when the link's signal fires. */
const transports = {
  webSockets(link, session, action) {
    const url = session.url(action, { transport: link.transport, ...session.position() });
    const socket = new WebSocket(url.replace(/^http/, "ws"));
    socket.onopen = () => link.accept();
    socket.onmessage = ({ data }) => link.receive(data);
    socket.onclose = () => link.end(new Error("The WebSocket was closed."));
    link.signal.addEventListener("abort", () => socket.close());
    link.send = (text) => socket.send(text);
  },

  serverSentEvents(link, session, action) {
    const source = new EventSource(session.url(action, { transport: link.transport, ...session.position() }));
    source.onopen = () => link.accept();
    source.onmessage = ({ data }) => data === "initialized" || link.receive(data);
    // By itself, an EventSource would repeat its first URL, with an outdated position of the session.
    source.onerror = () => link.end(new Error("The event stream was closed."));
    link.signal.addEventListener("abort", () => source.close());
  },

  async longPolling(link, session, action) {
    try {
      if (action === "reconnect") acceptUnlessRefused(link, session);
      for (let next = action; ; next = "poll") {
        const answer = await session.poll(next, link);
        link.accept();
        link.receive(answer);
        await sleep(session.pollDelay, link.signal);
      }
    } catch (error) {
      link.end(error);
    }
  },
};

export const TRANSPORTS = Object.keys(transports);

/** A poll without messages stays open for minutes. That the node did not refuse it immediately must suffice. */
function acceptUnlessRefused(link, session) {
  Promise.all([session.get("ping"), sleep(SHORT_LIFE / 2, link.signal)]).then(
    () => link.accept(), (error) => link.end(error));
}

// MARK: Link

/** One opened transport. `accepted` and `initialized` reject if it ends first; `ended` resolves with the reason. */
class Link {
  #life = new AbortController();
  #watchdog = null;
  #lastSign = 0;
  #onFrame;

  constructor(transport, onFrame) {
    this.transport = transport;
    this.signal = this.#life.signal;
    this.#onFrame = onFrame;
    const failed = new Promise((_, reject) => onAbort(this.signal, reject));
    this.accepted = Promise.race([failed, new Promise((resolve) => (this.accept = resolve))]);
    this.initialized = Promise.race([failed, new Promise((resolve) => (this.initialize = resolve))]);
    this.ended = new Promise((resolve) => onAbort(this.signal, resolve));
    // Waiters get the rejection; without one it is not an error.
    this.accepted.catch(() => {});
    this.initialized.catch(() => {});
  }

  receive(text) {
    if (this.signal.aborted) return;
    this.#lastSign = Date.now();
    try {
      this.#onFrame(JSON.parse(text), this);
    } catch {
      this.end(new Error("The node sent something that is not a frame."));
    }
  }

  end(reason) {
    clearInterval(this.#watchdog);
    this.#life.abort(reason);
  }

  /** Keep-alives arrive twice per timeout: without data for that long, the link is dead even if it is open. */
  establish(timeout) {
    this.since = Date.now();
    this.#lastSign = this.since;
    if (timeout === 0) return;
    this.#watchdog = setInterval(() => {
      if (Date.now() - this.#lastSign > timeout) this.end(new Error("The node has fallen silent."));
    }, timeout / 8);
  }
}

// MARK: Session

/** The server's state for one connection token, and the requests that carry it. */
class Session {
  #endpoint;
  #token = null;
  #cursor = null;
  #groupsToken = null;

  constructor(endpoint, signal) {
    this.#endpoint = endpoint;
    this.signal = signal;
  }

  async negotiate() {
    const answer = JSON.parse(await this.get("negotiate"));
    const milliseconds = (seconds, otherwise) => (seconds ?? otherwise) * 1_000;
    this.#token = answer.ConnectionToken;
    this.tryWebSockets = answer.TryWebSockets !== false;
    this.keepAliveTimeout = milliseconds(answer.KeepAliveTimeout, 0);
    this.disconnectTimeout = milliseconds(answer.DisconnectTimeout, 30);
    this.pollTimeout = milliseconds(answer.ConnectionTimeout, 110) + 10 * GRACE;
    this.openTimeout = milliseconds(answer.TransportConnectTimeout, 5) + GRACE;
    this.pollDelay = milliseconds(answer.LongPollDelay, 0);
  }

  /** Applies the parts of a frame that concern the connection itself. */
  follow(frame) {
    if (frame.C !== undefined) this.#cursor = frame.C;
    if (frame.G !== undefined) this.#groupsToken = frame.G;
    if (frame.L !== undefined) this.pollDelay = frame.L;
  }

  position() {
    return compact({ messageId: this.#cursor, groupsToken: this.#groupsToken });
  }

  url(action, parameters = {}) {
    const { path, query, connectionData } = this.#endpoint;
    const all = { ...query, clientProtocol: CLIENT_PROTOCOL, connectionToken: this.#token, connectionData };
    return new URL(`${path}/${action}?${encode(compact({ ...all, ...parameters }))}`, location.href).href;
  }

  get(action, parameters, timeout = this.openTimeout ?? LONGEST_DELAY + GRACE) {
    return request(this.url(action, parameters), {}, [this.signal], timeout);
  }

  poll(action, link) {
    const signals = [this.signal, link.signal];
    return this.#post(action, link.transport, this.position(), signals, this.pollTimeout);
  }

  send(transport, data) {
    return this.#post("send", transport, { data }, [this.signal], CALL_TIMEOUT);
  }

  #post(action, transport, fields, signals, timeout) {
    return request(this.url(action, { transport }), form(fields), signals, timeout);
  }

  /** Tells the server that this connection has ended; also works while the page is unloading. */
  abort(transport) {
    const options = { ...form({}), keepalive: true };
    fetch(this.url("abort", { transport }), options).catch(() => {});
  }

  /**
   * Whether the server no longer knows this session's token: a browser does not report why a WebSocket or an
   * event stream failed. The request opens nothing, because it is not a WebSocket handshake.
   */
  async isRefused() {
    const options = { signal: AbortSignal.any([this.signal, AbortSignal.timeout(this.openTimeout)]) };
    try {
      const [response, text] = await fetchText(this.url("reconnect", { transport: "webSockets" }), options);
      return response.status === 403 || /ConnectionId is in the incorrect format/i.test(text);
    } catch {
      return false;
    }
  }
}

// MARK: HubConnection

/** Dispatches `statechange` with `detail: { state, transport, fresh, reason }`; `fresh` is true for a new session. */
export class HubConnection extends EventTarget {
  state = "disconnected";
  #path;
  #query;
  #transports;
  #handlers = new Map();
  #hubs = new Set();
  #pending = new Map();
  #nextId = 0;
  #life = null;
  #session = null;
  #link = null;

  constructor({ path, query = {}, transports = TRANSPORTS }) {
    super();
    this.#path = path;
    this.#query = query;
    this.#transports = transports;
  }

  /** Calls back with the arguments of each call of `method`. Register before `start`: negotiating names the hubs. */
  on(hub, method, callback) {
    const key = handlerKey(hub, method);
    this.#hubs.add(hub.toLowerCase());
    this.#handlers.set(key, [...(this.#handlers.get(key) ?? []), callback]);
  }

  start() {
    if (this.#life) return;
    this.#life = new AbortController();
    this.#run(this.#life.signal);
  }

  stop() {
    if (!this.#life) return;
    this.#session?.abort(this.#link?.transport ?? this.#transports[0]);
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
    const call = { H: hub, M: method, A: args, I: this.#nextId++ };
    if (link.send) return this.#callOnSocket(link, call);
    return resultOf(JSON.parse(await this.#session.send(link.transport, JSON.stringify(call))));
  }

  #callOnSocket(link, call) {
    return new Promise((resolve, reject) => {
      link.send(JSON.stringify(call));
      this.#pending.set(String(call.I), { resolve, reject });
    });
  }

  // MARK: Connecting

  async #run(signal) {
    this.#become("connecting");
    for (let failures = 0; !signal.aborted; failures++) {
      const life = new AbortController();
      try {
        const session = new Session(this.#endpoint(), AbortSignal.any([signal, life.signal]));
        const link = await this.#begin(session);
        failures = 0;
        await this.#keep(session, link);
      } catch (error) {
        life.abort(error);
        this.#session = null;
        if (signal.aborted) return;
        this.#become("disconnected", { reason: error.message });
        await sleep(backoff(failures + 1), signal).catch(() => {});
      }
    }
  }

  #endpoint() {
    const connectionData = JSON.stringify([...this.#hubs].map((name) => ({ name })));
    return { path: this.#path, query: this.#query, connectionData };
  }

  async #begin(session) {
    await session.negotiate();
    session.signal.throwIfAborted();
    this.#session = session;
    // Only now, so that an unreachable node shows a steady "disconnected" instead of alternating states.
    this.#become("connecting");
    const link = await this.#openFirst(session);
    await session.get("start", { transport: link.transport }).catch((error) => {
      link.end(error);
      throw error;
    });
    link.signal.throwIfAborted();
    this.#use(link, true);
    return link;
  }

  async #openFirst(session) {
    const candidates = this.#transports.filter((name) => name !== "webSockets" || session.tryWebSockets);
    let failure = new Error("The node does not offer this transport.");
    for (const transport of candidates) {
      try {
        return await this.#open(session, transport, "connect");
      } catch (error) {
        session.signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }

  async #open(session, transport, action) {
    session.signal.throwIfAborted();
    const link = new Link(transport, (frame, from) => this.#receive(session, frame, from));
    const follow = onAbort(session.signal, (reason) => link.end(reason));
    onAbort(link.signal, follow);
    transports[transport](link, session, action);
    // The first link is proven by a frame that passed through the backplane; later ones by being accepted.
    const proof = action === "connect" ? link.initialized : link.accepted;
    const timer = setTimeout(() => link.end(new Error("The node did not answer in time.")), session.openTimeout);
    await proof.finally(() => clearTimeout(timer));
    link.establish(transport === "longPolling" ? 0 : session.keepAliveTimeout);
    return link;
  }

  /** Opens one link after another; throws once the session cannot be resumed. */
  async #keep(session, link) {
    for (let shortLived = 0, lostAt; ; ) {
      const reason = await link.ended;
      const wasShort = Date.now() - link.since < SHORT_LIFE;
      shortLived = wasShort ? shortLived + 1 : 0;
      if (!wasShort || lostAt === undefined) lostAt = Date.now();
      this.#drop(reason);
      session.signal.throwIfAborted();
      this.#become("reconnecting", { transport: link.transport, reason: reason.message });
      const firstTry = reason === PLANNED ? shortLived : shortLived + 1;
      link = await this.#resume(session, link.transport, firstTry, lostAt + session.disconnectTimeout);
      this.#use(link, false);
    }
  }

  async #resume(session, transport, firstTry, deadline) {
    for (let attempt = firstTry; Date.now() < deadline; attempt++) {
      await sleep(backoff(attempt), session.signal);
      try {
        return await this.#open(session, transport, "reconnect");
      } catch (error) {
        if (await session.isRefused()) throw error;
      }
    }
    throw new Error("The connection could not be resumed.");
  }

  #use(link, fresh) {
    this.#link = link;
    this.#become("connected", { transport: link.transport, fresh });
  }

  #drop(reason) {
    this.#link = null;
    const error = new Error(`No answer came, so it may have arrived all the same. ${reason.message}`);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #become(state, { transport = null, fresh = false, reason = null } = {}) {
    if (state === this.state && state !== "connected") return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("statechange", { detail: { state, transport, fresh, reason } }));
  }

  // MARK: Receiving

  #receive(session, frame, link) {
    session.follow(frame);
    if (frame.I !== undefined) this.#settle(frame);
    for (const message of frame.M ?? []) this.#dispatch(message);
    if (frame.S) link.initialize();
    if (frame.T) this.#leave(link);
  }

  #settle(answer) {
    const call = this.#pending.get(String(answer.I));
    this.#pending.delete(String(answer.I));
    try {
      call?.resolve(resultOf(answer));
    } catch (error) {
      call?.reject(error);
    }
  }

  /** Progress messages have no hub and are ignored. */
  #dispatch({ H: hub, M: method, A: args = [] }) {
    for (const callback of this.#handlers.get(handlerKey(hub, method)) ?? []) {
      try {
        callback(...args);
      } catch (error) {
        reportError(error);
      }
    }
  }

  /** Responses arrive on the old socket only: wait briefly for them, so that a planned reconnect loses no call. */
  async #leave(link) {
    const until = Date.now() + GRACE;
    while (this.#pending.size > 0 && Date.now() < until) await sleep(20);
    link.end(PLANNED);
  }
}

// MARK: Helpers

const handlerKey = (hub, method) => `${hub}.${method}`.toLowerCase();

function resultOf(answer) {
  if (answer.E !== undefined) throw new Error(answer.E);
  return answer.R ?? null;
}

function form(fields) {
  const headers = { "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8" };
  return { method: "POST", headers, body: encode(fields) };
}

/** 0 at first, then doubling; randomized, because all clients of a node lose it at the same moment. */
function backoff(attempt) {
  if (attempt === 0) return 0;
  const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** Math.min(attempt - 1, 10));
  return delay * (0.5 + Math.random() / 2);
}
