// One connection of core.js: the negotiation, and JSON messages over an open transport.

import { compact, encode, exchange, onAbort, request } from "./web.js";
import { transports } from "./core-transports.js";

const RECORD_END = "\x1e";
const REDIRECTS = 100;
/** Maximum length of an incomplete message, in characters. */
const LONGEST_MESSAGE = 64 << 20;
export const MESSAGE = { invocation: 1, completion: 3, ping: 6, close: 7 };

// MARK: Endpoint

/** The address of the hub, and the parameters of its requests. A redirect changes both. */
export class Endpoint {
  #url;
  #query;
  #times;
  #id = null;
  #accessToken = null;

  constructor(path, query, times) {
    this.#url = new URL(path, location.href);
    this.#query = query;
    this.#times = times;
  }

  /** Resolves with the names of the transports that the node offers for text, such as "WebSockets". */
  async negotiate(signal) {
    this.#id = null;
    for (let redirects = 0; redirects <= REDIRECTS; redirects++) {
      const answer = await this.#askForConnection(signal);
      if (typeof answer.error === "string") throw new Error(answer.error);
      if (answer.url === undefined) return this.#take(answer);
      this.#url = new URL(answer.url, this.#url);
      this.#accessToken = answer.accessToken ?? this.#accessToken;
    }
    throw new Error(`The node redirected ${REDIRECTS} times.`);
  }

  async #askForConnection(signal) {
    const url = this.#address("/negotiate", { negotiateVersion: 1 });
    const text = await request(url, this.#options("POST"), [signal], this.#times.open);
    try {
      return Object(JSON.parse(text));
    } catch {
      throw new Error("The answer to the negotiation is not JSON. Is this the path of a hub?");
    }
  }

  #take({ connectionToken, connectionId, availableTransports = [] }) {
    this.#id = connectionToken ?? connectionId;
    return availableTransports.filter((one) => one.transferFormats?.includes("Text")).map((one) => one.transport);
  }

  /** For a WebSocket or an event stream: browsers do not let a page add headers to either. */
  get streamURL() {
    return this.#address("", { access_token: this.#accessToken });
  }

  /** Resolves with `{ status, text }`. */
  poll(signal) {
    return exchange(this.#address(""), this.#options("GET"), [signal], this.#times.poll);
  }

  post(text, signal) {
    const options = this.#options("POST", { "Content-Type": "text/plain;charset=UTF-8" });
    return request(this.#address(""), { ...options, body: text }, [signal], this.#times.handshake);
  }

  /** Tells the node not to wait for the next poll; also works while the page is unloading. */
  remove() {
    fetch(this.#address(""), { ...this.#options("DELETE"), keepalive: true }).catch(() => {});
  }

  #address(below, parameters = {}) {
    const url = new URL(this.#url);
    url.pathname += below;
    const own = encode(compact({ ...this.#query, id: this.#id, ...parameters }));
    url.search = [url.search.slice(1), own].filter(Boolean).join("&");
    return url.href;
  }

  #options(method, headers = {}) {
    const authorization = this.#accessToken === null ? {} : { Authorization: `Bearer ${this.#accessToken}` };
    return { method, headers: { "X-Requested-With": "XMLHttpRequest", ...headers, ...authorization } };
  }
}

// MARK: Link

/** One connection. `ended` resolves with the reason; its `isFinal` is true if the client must not reconnect. */
export class Link {
  /** Sends text; set by the transport. */
  write = null;
  #life = new AbortController();
  #times;
  #onMessage;
  #answerHandshake = null;
  #rest = "";
  #lastReceived = Date.now();
  #lastSent = Date.now();
  #watch = null;
  #failed;

  constructor(transport, times, onMessage) {
    this.transport = transport;
    this.#times = times;
    this.#onMessage = onMessage;
    this.signal = this.#life.signal;
    this.ended = new Promise((resolve) => onAbort(this.signal, resolve));
    this.#failed = new Promise((_, reject) => onAbort(this.signal, reject));
    // Waiters get the rejection; without one it is not an error.
    this.#failed.catch(() => {});
  }

  end(reason) {
    clearInterval(this.#watch);
    this.#life.abort(reason);
  }

  async open(endpoint) {
    await this.#within(this.#times.open, transports[this.transport](this, endpoint));
    await this.#within(this.#times.handshake, this.#shakeHands());
    // With long polling, each poll shows that both sides are alive.
    if (this.transport !== "longPolling") this.#watch = setInterval(() => this.#look(), this.#times.ping / 15);
  }

  async #shakeHands() {
    const answered = new Promise((resolve) => (this.#answerHandshake = resolve));
    await this.send({ protocol: "json", version: 1 });
    const { error } = await answered;
    if (error !== undefined) throw new Error(error);
  }

  async #within(time, work) {
    const timer = setTimeout(() => this.end(new Error("The node did not answer in time.")), time);
    try {
      return await Promise.race([work, this.#failed]);
    } catch (error) {
      this.end(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  send(message) {
    this.#lastSent = Date.now();
    return this.write(JSON.stringify(message) + RECORD_END);
  }

  /** Receives a part of the text: it may contain several messages, and a message may span several parts. */
  receive(text) {
    if (this.signal.aborted) return;
    this.#lastReceived = Date.now();
    const messages = (this.#rest + text).split(RECORD_END);
    this.#rest = messages.pop();
    try {
      if (this.#rest.length > LONGEST_MESSAGE) throw new RangeError();
      for (const message of messages) this.#take(JSON.parse(message));
    } catch {
      this.end(new Error("The node sent something that is not a message."));
    }
    // On a hidden page the timer may fire only once a minute, so received data triggers pings too.
    if (this.#watch !== null) this.#pingIfDue();
  }

  #take(message) {
    if (this.#answerHandshake === null) return this.#onMessage(message, this);
    this.#answerHandshake(message);
    this.#answerHandshake = null;
  }

  #look() {
    if (Date.now() - this.#lastReceived > this.#times.silence) this.end(new Error("The node has fallen silent."));
    else this.#pingIfDue();
  }

  #pingIfDue() {
    if (this.signal.aborted || Date.now() - this.#lastSent < this.#times.ping) return;
    this.send({ type: MESSAGE.ping }).catch(() => {});
  }
}
