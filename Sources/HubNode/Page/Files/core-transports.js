// The transports of ASP.NET Core SignalR's text protocol.

import { onAbort } from "./web.js";

/**
 * Each resolves once the link can be written to: sets `link.write`, passes received data to the link, and cleans up
 * when the link's signal fires.
 */
export const transports = {
  webSockets(link, endpoint) {
    const socket = new WebSocket(endpoint.streamURL.replace(/^http/, "ws"));
    socket.onmessage = ({ data }) => link.receive(data);
    socket.onclose = () => link.end(new Error("The WebSocket was closed."));
    onAbort(link.signal, () => socket.close());
    link.write = async (text) => socket.send(text);
    return new Promise((resolve) => (socket.onopen = resolve));
  },

  serverSentEvents(link, endpoint) {
    const source = new EventSource(endpoint.streamURL);
    source.onmessage = ({ data }) => link.receive(data);
    // An EventSource would automatically reconnect with an id that has ended.
    source.onerror = () => link.end(new Error("The event stream was closed."));
    onAbort(link.signal, () => source.close());
    link.write = posting(link, endpoint);
    return new Promise((resolve) => (source.onopen = resolve));
  },

  async longPolling(link, endpoint) {
    // The first poll is answered immediately, without messages.
    await endpoint.poll(link.signal);
    link.write = posting(link, endpoint);
    poll(link, endpoint);
  },
};

async function poll(link, endpoint) {
  const forget = onAbort(link.signal, () => endpoint.remove());
  try {
    for (;;) {
      const { status, text } = await endpoint.poll(link.signal);
      if (status === 204) throw new Error("The node ended the connection.");
      link.receive(text);
    }
  } catch (error) {
    // After an error the node has already dropped the connection: no request to end it is needed.
    if (!link.signal.aborted) forget();
    link.end(error);
  }
}

/** Sends one request at a time, to keep the order; text written in the meantime is combined in the next request. */
function posting(link, endpoint) {
  let last = Promise.resolve();
  let next = null;
  const post = async (batch) => {
    next = null;
    try {
      await endpoint.post(batch.text, link.signal);
    } catch (error) {
      if (error.status === 404) link.end(error);
      throw error;
    }
  };
  return (text) => {
    if (next) {
      next.text += text;
      return next.sent;
    }
    const batch = (next = { text });
    last = batch.sent = last.catch(() => {}).then(() => post(batch));
    return batch.sent;
  };
}
