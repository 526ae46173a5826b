// The live page: displays what the relay sends. Texts from outside only become text nodes.

import { Chart } from './chart.js';
import { bytes, clock, count, duration, eventLevel, eventWords, rate, saidDuration, sentence, time } from './words.js';

const span = 900e3;
const shownLines = 60;
const shownEvents = 200;
const patience = 5000;
const $ = id => document.getElementById(id);

const shapes = {
  good: 'M12 1a11 11 0 1 0 0 22 11 11 0 0 0 0-22zm-1.6 16.2-5-5 2-2 3 3 6.200-6.200 2 2z',
  idle: 'M12 1a11 11 0 1 0 0 22 11 11 0 0 0 0-22zm-4.500 6h3v10h-3zm6 0h3v10h-3z',
  warning: 'M12 1 .5 22h23zm-1.300 7h2.600v7h-2.600zm0 8.500h2.600v2.600h-2.600z',
  bad: 'M7.500 1h9l6.500 6.500v9l-6.500 6.500h-9l-6.500-6.500v-9zm1.300 5.800-2 2 3.200 3.200-3.200 3.200 2 2 3.200-3.200 3.200 3.200 2-2-3.200-3.200 3.200-3.200-2-2-3.200 3.200z',
};

let sequence = -1;
let heardAt = 0;
let stream = null;
let retry = 0;
let isPaused = false;
let channels = [];
let events = [];
let lines = [];
let lastEvent = 0;
let lastLine = 0;

// label: the column's heading; on a phone, without columns, it is shown beside the value.
const cell = (content, name, label) => {
  const element = document.createElement('td');
  element.append(content);
  if (name) element.className = name;
  if (label) element.dataset.label = label;
  return element;
};

// A long value is cut; a click shows it completely.
const shownOfValue = 160;

function valueOf(text) {
  const code = document.createElement('code');
  code.textContent = text;
  if (text.length <= shownOfValue) return code;
  const details = document.createElement('details');
  const summary = document.createElement('summary');
  const start = document.createElement('code');
  start.textContent = `${text.slice(0, shownOfValue).toWellFormed()}…`;
  summary.append(start);
  details.append(summary, code);
  return details;
}

const noneYet = (columns = 3) => {
  const element = cell('none yet');
  element.colSpan = columns;
  return row(element);
};

const row = (...cells) => {
  const element = document.createElement('tr');
  element.append(...cells);
  return element;
};

// MARK: Channels

// By wire: that of ASP.NET Core has no ids and no publisher's time.
const lastCharts = {
  signalr2: () => [
    new Chart({ title: 'Latency', series: [{ label: 'median', column: 4 }, { label: 'p99', column: 5 }], format: duration, said: saidDuration }),
    new Chart({ title: 'Missing ids', series: [{ column: 3 }], format: count, bars: true }),
  ],
  core: () => [
    new Chart({ title: 'Time to ack', series: [{ label: 'median', column: 4 }, { label: 'p99', column: 5 }], format: duration, said: saidDuration }),
    new Chart({ title: 'Missing acks', series: [{ column: 3 }], format: count, bars: true }),
  ],
};

// Sets the channel prefix of a hub apart from its type: in Redis nothing separates the two.
function nameOf({ name, prefix }) {
  if (!prefix || !name.startsWith(prefix)) return [name];
  const element = document.createElement('span');
  element.className = 'prefix';
  element.title = 'channel prefix';
  element.textContent = prefix;
  return [element, name.slice(prefix.length)];
}

// An event key and a hub may have the same name.
const keyOf = channel => `${channel.backplane} ${channel.name}`;

class Channel {
  constructor(told) {
    const { name, backplane } = told;
    this.name = name;
    this.key = keyOf(told);
    this.isHub = backplane === 'core';
    this.samples = [];
    this.kind = null;
    this.current = [0, 0, 0, null, null];
    this.section = $('channel').content.firstElementChild.cloneNode(true);
    const wire = document.createElement('small');
    wire.className = backplane;
    wire.textContent = this.isHub ? 'ASP.NET Core' : 'SignalR 2';
    this.section.querySelector('h2').append(...nameOf(told), ' ', wire);
    this.section.setAttribute('aria-label', `${this.isHub ? 'Hub' : 'Channel'} ${name}`);
    for (const table of this.section.querySelectorAll('.of-hub')) table.hidden = !this.isHub;
    this.charts = [
      new Chart({ title: 'Envelopes per second', series: [{ column: 1 }], format: rate }),
      new Chart({ title: 'Bytes per second', series: [{ column: 2 }], format: bytes, thousand: 1024 }),
      ...lastCharts[this.isHub ? 'core' : 'signalr2'](),
    ];
    this.section.querySelector('.charts').append(...this.charts.map(chart => chart.figure));
  }

  take(received, now) {
    const newest = this.samples.at(-1)?.[0] ?? 0;
    this.samples.push(...received.samples.filter(sample => sample[0] > newest));
    while (this.samples.length && this.samples[0][0] < now - span) this.samples.shift();
    this.current = received.current;
    this.showState(received, now);
    if (received.kinds) this.showTables(received);
  }

  showState(received, now) {
    const line = this.section.querySelector('.sentence');
    line.replaceChildren(...sentence(received.text, received.times, now));
    line.dataset.kind = received.kind;
    this.section.dataset.level = received.level;
    this.section.dataset.kind = received.kind;
    this.section.querySelector('.shape path').setAttribute('d', shapes[received.level] ?? shapes.idle);
    // A screen reader announces changes, not every second.
    if (this.kind !== null && this.kind !== received.kind) $('announcer').textContent = `${this.name}: ${line.textContent}`;
    this.kind = received.kind;
    this.level = received.level;
  }

  showTables(received) {
    const total = received.kinds.reduce((sum, [, number]) => sum + number, 0);
    const kinds = received.kinds.map(([kind, number]) =>
      row(cell(kind.replaceAll('_', ' ')), cell(count(number), 'number'), cell(share(number, total), 'number')));
    if (received.undecodable > 0) kinds.push(row(cell('undecodable'), cell(count(received.undecodable), 'number'), cell('–', 'number')));
    if (!kinds.length) kinds.push(noneYet());
    this.section.querySelector('.kinds tbody').replaceChildren(...kinds);
    const calls = received.calls.map(([hub, method, number]) =>
      row(cell(hub, 'name'), cell(method, 'name'), cell(share(number, received.sampled), 'number')));
    if (!calls.length) calls.push(noneYet());
    this.section.querySelector('.calls tbody').replaceChildren(...calls);
    this.section.querySelector('.sampled').textContent = count(received.sampled);
    if (this.isHub) this.showHubTables(received);
  }

  showHubTables(received) {
    const protocols = received.protocols.map(([name, number, lacking]) => {
      const without = cell(count(lacking), 'number');
      if (lacking > 0) without.classList.add('lacking');
      return row(cell(name), cell(count(number), 'number'), without);
    });
    const commands = received.commands.map(([what, number]) => row(cell(what), cell(count(number), 'number')));
    this.section.querySelector('.protocols tbody').replaceChildren(...(protocols.length ? protocols : [noneYet()]));
    this.section.querySelector('.commands tbody').replaceChildren(...(commands.length ? commands : [noneYet(2)]));
  }

  draw(now) {
    const current = [now, ...this.current];
    const mine = events.filter(event => event.channel === undefined || event.channel === this.name);
    const marks = mine.map(event => ({ at: event.at, level: eventLevel(event), words: `${clock(event.at)} ${eventWords(event)}` }));
    for (const chart of this.charts) chart.update(this.samples, marks, outages(), now, current);
  }
}

const share = (number, total) => (total > 0 ? `${Math.round((number / total) * 100)} %` : '–');

// From each lost connection to the next subscription.
function outages() {
  const spans = [];
  for (const event of events) {
    if (event.event === 'disconnected' && (!spans.length || spans.at(-1)[1] !== null)) spans.push([event.at, null]);
    if (event.event === 'subscribed' && spans.length && spans.at(-1)[1] === null) spans.at(-1)[1] = event.at;
  }
  return spans;
}

function showChannels(received, now) {
  const keys = received.map(keyOf);
  if (keys.length !== channels.length || channels.some((channel, index) => channel.key !== keys[index])) {
    // Hubs may be attached while the page is open: keep the state of the other channels.
    const known = new Map(channels.map(channel => [channel.key, channel]));
    channels = received.map((channel, index) => known.get(keys[index]) ?? new Channel(channel));
    const sections = channels.map(channel => channel.section);
    const isGrowth = [...$('channels').children].every((section, index) => section === sections[index]);
    if (isGrowth) $('channels').append(...sections.slice($('channels').childElementCount));
    else $('channels').replaceChildren(...sections);
    document.body.classList.toggle('many', channels.length > 1);
    document.body.classList.toggle('both', new Set(channels.map(channel => channel.isHub)).size > 1);
    document.body.classList.toggle('hubs-only', channels.length > 0 && channels.every(channel => channel.isHub));
  }
  received.forEach((channel, index) => channels[index].take(channel, now));
  const order = ['bad', 'warning', 'idle', 'good'];
  const worst = [...channels].sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level))[0];
  if (worst) document.title = `${worst.kind.replaceAll('_', ' ')}: ${worst.name} – backplane-relay`;
}

// Shown until the first hub is discovered.
function showEmpty(told, now) {
  const section = $('no-channels');
  section.hidden = !told;
  if (!told) return;
  section.dataset.level = told.level;
  section.querySelector('path').setAttribute('d', shapes[told.level] ?? shapes.idle);
  const line = section.querySelector('p');
  line.replaceChildren(...sentence(told.text, told.times, now));
  document.title = `${told.kind.replaceAll('_', ' ')} – backplane-relay`;
}

// MARK: Events, envelopes, segments

function showEvents(received) {
  const fresh = received.filter(event => event.n > lastEvent);
  if (!fresh.length) return;
  lastEvent = fresh.at(-1).n;
  events = [...events, ...fresh].slice(-shownEvents);
  const rows = fresh.reverse().map(event => {
    const words = document.createElement('span');
    words.className = `event ${eventLevel(event)}`;
    words.textContent = eventWords(event);
    return row(cell(time(event.at, clock(event.at)), '', 'Time'), cell(event.channel ?? 'all', 'of-many', 'Channel'),
      cell(words, '', 'What happened'));
  });
  $('event-rows').prepend(...rows);
  while ($('event-rows').childElementCount > shownEvents) $('event-rows').lastElementChild.remove();
  $('no-events').hidden = true;
}

function takeLines(received) {
  const fresh = received.filter(line => line.n > lastLine);
  if (!fresh.length) return;
  lastLine = fresh.at(-1).n;
  lines = [...lines, ...fresh].slice(-shownLines);
  if (!isPaused) addLines(fresh);
}

// Existing rows are not replaced: one may be open, or selected.
function addLines(fresh) {
  $('lines').prepend(...fresh.slice(-shownLines).toReversed().map(lineRow));
  while ($('lines').childElementCount > shownLines) $('lines').lastElementChild.remove();
  showWhetherLines();
}

function showLines() {
  $('lines').replaceChildren(...lines.toReversed().map(lineRow));
  showWhetherLines();
}

function showWhetherLines() {
  $('lines-table').hidden = lines.length === 0;
  $('no-lines').hidden = lines.length > 0;
}

function lineRow(line) {
  const call = document.createElement('span');
  if (line.hub !== undefined) call.append(`${line.hub}.`, document.createElement('wbr'), line.method);
  // A command's action has a name too.
  else if (line.method !== undefined) call.append(line.method);
  const what = cell(call, `name${line.method === undefined && line.value === undefined && !(line.messages > 1) ? ' absent' : ''}`, 'Hub and method');
  if (line.messages > 1) what.append(` and ${line.messages - 1} more`);
  if (line.value !== undefined) {
    what.append(valueOf(line.value));
  }
  return row(
    cell(time(line.at, clock(line.at)), '', 'Time'), cell(channels[line.channel]?.name ?? '', 'of-many', 'Channel'),
    cell(line.id ?? '–', `number of-ids${line.id === undefined ? ' absent' : ''}`, 'Id'), cell(line.kind.replaceAll('_', ' '), '', 'Kind'),
    cell(line.target ?? '', `target${line.target === undefined ? ' absent' : ''}`, 'For'), what,
    cell(bytes(line.size), 'number', 'Size'),
    cell(duration(line.latency), `number of-ids${line.latency === undefined ? ' absent' : ''}`, 'Latency'));
}

function showClients(received) {
  $('clients').hidden = received.length === 0;
  $('client-rows').replaceChildren(...received.map(client => {
    const state = document.createElement('span');
    state.className = `event ${client.slow ? 'warning' : 'idle'}`;
    state.textContent = client.slow ? 'slow' : client.waiting > 0 ? 'behind' : 'nothing waits';
    return row(
      cell(client.name, 'name', 'Name'), cell(client.ip, '', 'Address'),
      cell(count(client.connections), 'number', 'Connections'), cell(bytes(client.waiting), 'number', 'Waiting in Redis'),
      cell(state, '', 'State'));
  }));
}

const states = {
  // Not "recording": the segment stays open while recording is paused or fails.
  complete: 'complete', recording: 'open', unclosed: 'not closed', unknown: 'unknown',
};

function showSegments(received) {
  $('segments-table').hidden = received.newest.length === 0;
  const all = received.total > received.newest.length ? `the newest ${received.newest.length} of ` : '';
  const downloads = received.downloads ? '' : ' Downloads need a token: start the relay with a web token file.';
  $('segments-hint').textContent = `${all}${count(received.total)} ${received.total === 1 ? 'segment' : 'segments'}, ${bytes(received.bytes)}.${downloads}`;
  $('segment-rows').replaceChildren(...received.newest.map(segment => {
    const ids = segment.ids.map(([channel, from, to]) => `${channels.length > 1 ? `${channel} ` : ''}${from}–${to}`).join(', ');
    const word = segment.state === 'incomplete' ? `${count(segment.missing)} missing` : states[segment.state] ?? segment.state;
    const state = document.createElement('span');
    state.className = `event ${{ complete: 'good', incomplete: 'bad', unclosed: 'warning' }[segment.state] ?? 'idle'}`;
    state.textContent = word;
    const name = cell(segment.name, 'name', 'Segment');
    if (received.downloads) name.append(download(segment));
    return row(name, cell(bytes(segment.size), 'number', 'Size'), cell(ids || '–', '', 'Ids'), cell(state, '', 'Complete'));
  }));
}

function download(segment) {
  if (['recording', 'unclosed'].includes(segment.state)) return '';
  const link = document.createElement('a');
  link.href = `segments/${encodeURIComponent(segment.name)}`;
  link.download = segment.name;
  link.textContent = 'Download';
  link.setAttribute('aria-label', `Download ${segment.name}`);
  return link;
}

function showLinks(received) {
  $('links').replaceChildren(...received.filter(link => /^https?:\/\//.test(link.url)).map(({ title, url }) => {
    const link = document.createElement('a');
    link.href = url;
    link.textContent = title;
    link.rel = 'noreferrer';
    return link;
  }));
}

// MARK: The stream

function take(message, isWhole) {
  const received = JSON.parse(message.data);
  heardAt = performance.now();
  showConnection('live');
  if (isWhole) sequence = -1;
  // Older than what is already shown.
  if (received.seq <= sequence) return;
  sequence = received.seq;
  if (isWhole) forget();
  if (received.version !== undefined) $('version').textContent = received.version;
  if (received.token !== undefined) $('logout').hidden = !received.token;
  if (received.values !== undefined) $('values-hint').textContent = received.values ? 'With their values, as users wrote them.' : '';
  if (received.links) showLinks(received.links);
  showChannels(received.channels, received.now);
  showEmpty(received.empty, received.now);
  if (received.clients) showClients(received.clients);
  if (received.events) showEvents(received.events);
  if (received.lines) takeLines(received.lines);
  if (received.segments) showSegments(received.segments);
  if (isWhole && !received.segments) showNothingRecorded(received);
  for (const channel of channels) channel.draw(received.now);
}

// The relay may have been replaced; then numbers start over.
function forget() {
  [events, lines, lastEvent, lastLine] = [[], [], 0, 0];
  for (const channel of channels) channel.samples = [];
  $('event-rows').replaceChildren();
  $('no-events').hidden = false;
  if (!isPaused) showLines();
}

function showNothingRecorded(received) {
  $('segments-table').hidden = true;
  $('segments-hint').textContent = received.records ? 'Reading the record directory.'
    : 'Nothing is recorded: start the relay with a record directory to keep the envelopes.';
}

function showConnection(state, words = '') {
  const isLive = state === 'live';
  if (isLive && document.body.dataset.connection === 'live') return;
  document.body.dataset.connection = state;
  $('connection').dataset.state = state;
  $('connection').textContent = isLive ? 'Live' : 'Not live';
  $('lost').hidden = isLive;
  $('lost').textContent = words;
}

function lose(words = 'Connection to the relay lost, trying again. The figures here are stale.') {
  showConnection('lost', words);
  stream?.close();
  stream = null;
  clearTimeout(retry);
  if (!document.hidden) retry = setTimeout(probe, 1000);
}

// Finds the reason: the relay is down, requires a token, or too many pages are open.
async function probe() {
  try {
    const answer = await fetch('-/ready', { cache: 'no-store', signal: AbortSignal.timeout(patience) });
    if (answer.status === 401) return location.reload();
    connect();
  } catch {
    lose();
  }
}

function connect() {
  stream?.close();
  stream = new EventSource('live');
  heardAt = performance.now();
  stream.addEventListener('state', message => take(message, true));
  for (const name of ['tick', 'change']) stream.addEventListener(name, message => take(message, false));
  // The relay limits the duration of a stream.
  stream.addEventListener('again', () => connect());
  stream.addEventListener('error', () => lose());
}

// More than a second without data means a dead connection; a browser notices it much later.
setInterval(() => {
  if (stream && performance.now() - heardAt > patience) lose();
}, 500);

$('pause').addEventListener('click', () => {
  isPaused = !isPaused;
  $('pause').setAttribute('aria-pressed', String(isPaused));
  $('pause').textContent = isPaused ? 'Resume' : 'Pause';
  if (!isPaused) showLines();
});

// A browser opens at most six connections to a relay, over all tabs: hidden tabs close theirs.
let hiding = 0;
document.addEventListener('visibilitychange', () => {
  clearTimeout(hiding);
  if (document.hidden) {
    hiding = setTimeout(() => {
      stream?.close();
      stream = null;
      clearTimeout(retry);
      showConnection('hidden', 'Paused while this tab is hidden.');
    }, 10_000);
  } else if (!stream) {
    connect();
  }
});

connect();
