// Shared by both clients: requests whose errors can be shown, and waits that can be cancelled.

export const compact = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value != null));

/** Encodes spaces as %20: URLSearchParams would write +, which not every server decodes. */
export function encode(fields) {
  const component = (value) => encodeURIComponent(String(value).toWellFormed());
  return Object.entries(fields).map(([name, value]) => `${component(name)}=${component(value)}`).join("&");
}

/** Resolves with the body's text; error messages are sentences for the user. */
export const request = async (...all) => (await exchange(...all)).text;

/** Resolves with `{ status, text }` on success; an error also has the status if there was a response. */
export async function exchange(url, options, signals, timeout) {
  const signal = AbortSignal.any([...signals, AbortSignal.timeout(timeout)]);
  const [response, text] = await fetchText(url, { ...options, signal, cache: "no-store" }).catch((error) => {
    const isLate = error.name === "TimeoutError";
    throw new Error(isLate ? "The node did not answer in time." : "The node cannot be reached.");
  });
  const { ok, status, statusText } = response;
  if (ok) return { status, text };
  // The response of a proxy is a web page.
  const reason = text.trimStart().startsWith("<") ? statusText : text.slice(0, 200);
  throw Object.assign(new Error(`The node answered ${status}: ${reason || "no reason given"}`), { status });
}

export async function fetchText(url, options) {
  const response = await fetch(url, options);
  return [response, await response.text()];
}

/** Calls back once with the reason, immediately if the signal has already fired. Returns a function that cancels it. */
export function onAbort(signal, callback) {
  const listener = () => callback(signal.reason);
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

export function sleep(milliseconds, signal = new AbortController().signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => (forget(), resolve()), milliseconds);
    const forget = onAbort(signal, (reason) => (clearTimeout(timer), reject(reason)));
  });
}
