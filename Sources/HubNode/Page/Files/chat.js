import { CoreConnection } from "./core.js";
import { HubConnection, TRANSPORTS } from "./signalr.js";

const HUB = "ChatHub";
/** Older messages are removed: a busy backplane must not exhaust the browser's memory. */
const MESSAGES_KEPT = 1_000;
const PEOPLE_KEPT = 30;
/** How far from the end still counts as "at the bottom", in pixels. */
const BOTTOM_SLACK = 32;
const JOIN_AGAIN_AFTER = 5_000;
const LOOK_EVERY = 2_000;
/** Own messages that have not been received back yet. */
const SIGNS_KEPT = 1_000;

const STATES = {
  connecting: "Connecting…",
  connected: "Connected",
  reconnecting: "Connection lost, reconnecting…",
  disconnected: "Disconnected, trying again…",
  cut: "Connected, but the node has lost Redis: messages do not get through",
  ended: "Disconnected",
};

const $ = (id) => document.getElementById(id);
const setting = (name) => document.querySelector(`meta[name="signalr-${name}"]`).content;
const page = new URLSearchParams(location.search);
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/** What clients speak; the node serves those that have a path. */
const PROTOCOLS = {
  signalr2: {
    title: "SignalR 2",
    Connection: HubConnection,
    path: setting("path"),
    backplane: ["event key", setting("channel")],
    // Nodes compare group names ignoring case.
    sameRoom: (a, b) => a?.toLowerCase() === b?.toLowerCase(),
  },
  core: {
    title: "ASP.NET Core",
    Connection: CoreConnection,
    path: setting("core-path"),
    backplane: setting("core-backplane") ? ["hub", setting("core-backplane")] : ["clients of", "this node only"],
    sameRoom: (a, b) => a === b,
  },
};
const served = Object.keys(PROTOCOLS).filter((name) => PROTOCOLS[name].path !== "");

const me = { name: "", room: "", protocol: served[0] };
let connection = null;
/** The room that the node has confirmed for this session. */
let joined = null;
let wasConnected = false;

// MARK: Welcome

function recall(key) {
  try {
    return localStorage.getItem(`chat.${key}`) ?? "";
  } catch {
    return ""; // Storage may be forbidden; the chat works without.
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(`chat.${key}`, value);
  } catch {
    return;
  }
}

function prefill() {
  $("name").value = page.get("name") ?? recall("name");
  $("room").value = page.get("room") ?? (recall("room") || "lobby");
  const known = [page.get("protocol")?.toLowerCase(), recall("protocol")].find((name) => served.includes(name));
  me.protocol = known ?? served[0];
  chooseProtocol();
  showProtocol();
  $("protocols").hidden = served.length < 2;
  $("changeable").textContent = served.length < 2 ? " name or room" : " name, room or protocol";
  $("change").ariaLabel = `Change${$("changeable").textContent}`;
  ($("name").value ? $("enter") : $("name")).focus();
}

function chooseProtocol() {
  for (const radio of $("welcome-form").elements.protocol) radio.checked = radio.value === me.protocol;
}

function showProtocol() {
  const { title, backplane } = PROTOCOLS[me.protocol];
  $("protocol").textContent = title;
  [$("backplane-kind").textContent, $("backplane").textContent] = backplane;
}

function askAgain() {
  $("name").value = me.name;
  $("room").value = me.room;
  chooseProtocol();
  $("welcome-title").textContent = served.length < 2 ? "Name and room" : "Name, room and protocol";
  $("welcome-lead").textContent = `A new name${served.length < 2 ? "" : " or protocol"} starts a new connection.`;
  $("enter").textContent = "Change";
  $("cancel").hidden = false;
  $("welcome").showModal();
}

function enter(name, room, protocol) {
  const before = { ...me };
  Object.assign(me, { name, room, protocol });
  remember("name", name);
  remember("room", room);
  remember("protocol", protocol);
  showMe();
  $("message").focus();
  // The node binds a connection to the user that negotiated it.
  if (name !== before.name || protocol !== before.protocol) connect();
  else if (!sameRoom(room, before.room)) moveFrom(before.room);
}

function showMe() {
  $("welcome").close();
  $("chat").hidden = false;
  $("room-title").textContent = `Room ${me.room}`;
  $("who").textContent = me.name;
  $("target-room").textContent = `Room ${me.room}`;
  showTarget();
  followBottom();
}

// MARK: Connection

function connect() {
  connection?.stop();
  joined = null;
  wasConnected = false;
  showProtocol();
  connection = openConnection();
  connection.start();
}

function openConnection() {
  const { Connection, path } = PROTOCOLS[me.protocol];
  const opened = new Connection({ path, query: { user: me.name }, transports: wantedTransports() });
  opened.on(HUB, "broadcastMessage", (from, text, sign) => receive({ kind: "broadcast", from, text, sign }));
  opened.on(HUB, "groupMessage", (group, from, text, sign) => receive({ kind: "group", from, text, group, sign }));
  opened.on(HUB, "userMessage", (from, text) => receive({ kind: "user", from, text }));
  opened.addEventListener("statechange", ({ detail }) => {
    if (opened === connection) showState(detail);
  });
  return opened;
}

function wantedTransports() {
  const wanted = page.get("transport")?.toLowerCase();
  const found = TRANSPORTS.filter((name) => name.toLowerCase() === wanted);
  return found.length > 0 ? found : TRANSPORTS;
}

function showState({ state, transport, fresh, reason, final = false }) {
  showConnection(final ? "ended" : state, reason);
  $("transport").textContent = transport ?? "–";
  if (state === "connected") {
    welcomeBack(fresh);
    lookAtNode();
  }
}

function showConnection(state, reason) {
  const shown = state === "connected" && outage ? "cut" : state;
  $("state").title = (shown === "cut" ? outage : reason) ?? "";
  if ($("state").dataset.state === shown) return;
  $("state").dataset.state = shown;
  $("state").textContent = shown === "ended" ? `${STATES.ended}. ${reason}` : STATES[shown];
  $("again").hidden = shown !== "ended";
}

/** The node's report on its Redis; empty if there is no problem. */
let outage = "";

/** A node keeps its clients connected while Redis is unavailable, so only the node can report that. */
async function lookAtNode() {
  if (document.hidden || connection?.state !== "connected") return;
  const options = { cache: "no-store", signal: AbortSignal.timeout(LOOK_EVERY) };
  const words = await fetch("-/ready", options).then((answer) => (answer.status === 503 ? answer.text() : ""), () => null);
  if (words === null || connection?.state !== "connected") return;
  if (outage !== "" && words === "") {
    addNotice("The node has Redis again. Messages of other nodes sent in between may not be shown here.");
  }
  outage = words.trim();
  showConnection("connected");
}

function welcomeBack(fresh) {
  if (fresh) {
    joined = null;
    if (wasConnected) addNotice("Reconnected. Messages sent in between are not shown here.");
    wasConnected = true;
  }
  if ($("note").dataset.until === "connected") note("");
  join(connection, me.room);
}

// MARK: Rooms

const sameRoom = (a, b) => PROTOCOLS[me.protocol].sameRoom(a, b);
const isJoined = () => sameRoom(joined, me.room);

async function join(through, room, isFirstTry = true) {
  const isWanted = () => through === connection && through.state === "connected" && room === me.room && !isJoined();
  if (!isWanted()) return;
  try {
    await through.invoke(HUB, "joinGroup", room);
    if (!isWanted()) return;
    joined = room;
    addNotice(`You are in room ${room}.`);
  } catch (error) {
    if (!isWanted()) return;
    if (isFirstTry) addNotice(`Room ${room} cannot be joined now; this page keeps trying. ${error.message}`);
    setTimeout(join, JOIN_AGAIN_AFTER, through, room, false);
  }
}

async function moveFrom(room) {
  const through = connection;
  joined = null;
  if (through.state !== "connected") return;
  await through.invoke(HUB, "leaveGroup", room).catch((error) => {
    addNotice(`You may still get messages of room ${room}: ${error.message}`);
  });
  join(through, me.room);
}

// MARK: Sending

/** Messages not yet accepted by the node, sent one by one to keep their order. */
const outbox = [];

function submit() {
  const text = $("message").value.trim();
  if (text === "") return;
  const obstacle = obstacleFor($("target").value);
  if (obstacle) return note(`Not sent: ${obstacle} Your text stays here.`, "connected");
  outbox.push({ text, target: $("target").value });
  $("message").value = "";
  note("");
  followBottom();
  if (outbox.length === 1) empty();
}

function obstacleFor(target) {
  if (connection.state !== "connected") return "there is no connection at the moment.";
  if (target === "room" && !isJoined()) return `you are not in room ${me.room} yet.`;
  return null;
}

async function empty() {
  try {
    for (; outbox.length > 0; outbox.shift()) await deliver(outbox[0]);
  } catch (error) {
    giveBack(error);
  }
}

function giveBack(error) {
  const texts = outbox.splice(0).map(({ text }) => text);
  $("message").value = [...texts, $("message").value].filter(Boolean).join("\n");
  note(`Not sent: ${error.message}`);
}

async function deliver({ text, target }) {
  if (target === "everyone") return connection.invoke(HUB, "send", me.name, text, newSign());
  if (target === "room") return connection.invoke(HUB, "sendToGroup", me.room, me.name, text, newSign());
  const person = target.slice("user:".length);
  await connection.invoke(HUB, "sendToUser", person, text);
  // Only the recipient gets it; this copy completes the conversation on the sender's page.
  add({ kind: "user", from: me.name, text, person, isOwn: true });
}

/** Identifiers of own messages: another user may have the same name. */
const signs = new Set();

function newSign() {
  const sign = [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
  signs.add(sign);
  if (signs.size > SIGNS_KEPT) signs.delete(signs.values().next().value);
  return sign;
}

function note(text, until = "") {
  // Emptied first: an alert with unchanged text would not be announced.
  $("note").textContent = "";
  $("note").textContent = text;
  $("note").dataset.until = until;
}

function showTarget() {
  const target = $("target").value;
  const [kind, whom] = { everyone: ["broadcast", "everyone"], room: ["group", `room ${me.room}`] }[target]
    ?? ["user", target.slice("user:".length)];
  $("composer").dataset.kind = kind;
  $("message").placeholder = `Write to ${whom}`;
}

/** Offers each sender as a recipient. */
function meet(name) {
  const value = `user:${name}`;
  const known = [...$("people").children];
  if (name === "" || name === me.name || known.some((option) => option.value === value)) return;
  $("people").append(new Option(name, value));
  $("people").hidden = false;
  if (known.length >= PEOPLE_KEPT) known.find((option) => !option.selected).remove();
}

// MARK: Messages

let isAtBottom = true;
let unseen = 0;
let missedWhileHidden = 0;
let lastShown = null;

/** Received values come from any client, so not even their types can be trusted. */
function receive({ kind, from, text, group, sign }) {
  const isOwn = signs.delete(sign);
  const message = { kind, from: String(from ?? ""), text: String(text ?? ""), group: String(group ?? ""), isOwn };
  meet(message.from);
  add(message);
}

const addNotice = (text) => add({ kind: "system", from: "Notice", text });

function add(message) {
  const time = new Date();
  const isOwn = message.isOwn === true;
  const shown = { ...message, time, clock: clock.format(time), label: labelFor(message), isOwn };
  $("messages").append(itemFor(shown, lastShown));
  lastShown = shown;
  $("empty").hidden = true;
  while ($("messages").childElementCount > MESSAGES_KEPT) $("messages").firstElementChild.remove();
  if (message.kind !== "system") countUnseen();
  followSoon();
}

function itemFor(message, previous) {
  const item = document.createElement("li");
  item.dataset.kind = message.kind;
  item.classList.toggle("own", message.isOwn);
  item.classList.toggle("follows", continues(message, previous));
  // Only the first of a frame: a thousand animations at once would block the page.
  item.classList.toggle("arrived", !isFollowPlanned);
  const about = element("p", "about");
  about.append(element("span", "from", message.from), element("span", "to", message.label), timeElement(message));
  item.append(about, element("p", "text", message.text));
  return item;
}

/** `dir=auto` also keeps a name in another direction from reordering the text beside it. */
function element(tag, className, text = "") {
  const made = document.createElement(tag);
  Object.assign(made, { className, textContent: text, dir: "auto" });
  return made;
}

function timeElement({ time, clock }) {
  const made = document.createElement("time");
  made.dateTime = time.toISOString();
  made.textContent = clock;
  return made;
}

function labelFor(message) {
  const isNamesake = message.kind !== "system" && !message.isOwn && message.from === me.name;
  return `${isNamesake ? "(someone else with this name) " : ""}${whereTo(message)}`;
}

function whereTo({ kind, group, person }) {
  switch (kind) {
  case "broadcast": return "to everyone";
  case "group": return `in room ${group}`;
  case "user": return person === undefined ? "to you only" : `to ${person} only`;
  default: return "";
  }
}

function continues(message, previous) {
  const shared = ["kind", "from", "label", "clock", "isOwn"];
  return message.kind !== "system" && shared.every((key) => message[key] === previous?.[key]);
}

// MARK: Scrolling

let isFollowPlanned = false;

/** A frame contains many messages: the layout is measured once for all of them. */
function followSoon() {
  if (isFollowPlanned) return;
  isFollowPlanned = true;
  queueMicrotask(() => {
    isFollowPlanned = false;
    if (isAtBottom) followBottom();
    else showUnseen();
  });
}

function followBottom() {
  isAtBottom = true;
  $("log").scrollTop = $("log").scrollHeight;
  unseen = 0;
  showUnseen();
}

function noticeScroll() {
  const log = $("log");
  isAtBottom = log.scrollHeight - log.scrollTop - log.clientHeight < BOTTOM_SLACK;
  if (isAtBottom) unseen = 0;
  showUnseen();
}

function countUnseen() {
  if (!isAtBottom) unseen += 1;
  if (document.hidden) missedWhileHidden += 1;
}

function showUnseen() {
  $("newer").hidden = unseen === 0;
  $("newer").textContent = unseen === 1 ? "1 new message ↓" : `${unseen} new messages ↓`;
  document.title = `${missedWhileHidden > 0 ? `(${missedWhileHidden}) ` : ""}Chat · ${setting("node")}`;
}

function toNewest() {
  note("");
  followBottom();
  $("message").focus();
}

// MARK: Events

$("welcome-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter($("name").value.trim(), $("room").value.trim(), $("welcome-form").elements.protocol.value);
});
$("cancel").addEventListener("click", () => $("welcome").close());
$("change").addEventListener("click", askAgain);
$("again").addEventListener("click", () => connection.start());
$("target").addEventListener("change", showTarget);
$("newer").addEventListener("click", toNewest);
$("log").addEventListener("scroll", noticeScroll, { passive: true });
new ResizeObserver(() => isAtBottom && followBottom()).observe($("log"));

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
$("message").addEventListener("keydown", (event) => {
  // While a word is being composed with an input method (Japanese, for example), Enter belongs to the input method.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
$("chat").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing) toNewest();
});

document.addEventListener("visibilitychange", () => {
  missedWhileHidden = 0;
  showUnseen();
});
addEventListener("pagehide", () => connection?.stop());
addEventListener("pageshow", (event) => event.persisted && connection?.start());

setInterval(lookAtNode, LOOK_EVERY);

$("node").textContent = setting("node");
showUnseen();
prefill();
