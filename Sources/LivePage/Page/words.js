// Formats numbers, times and events. Returns text only; nothing from outside is interpreted as HTML.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export const count = number => whole.format(number);

export function rate(number) {
  if (number === 0) return '0';
  if (number < 0.1) return '< 0.1';
  return number < 10 ? String(Math.round(number * 10) / 10) : whole.format(number);
}

export function bytes(number) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  const text = unit === 0 || number >= 100 ? whole.format(number) : String(Math.round(number * 10) / 10);
  return `${text} ${units[unit]}`;
}

export function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return '–';
  if (milliseconds < 1) return '< 1 ms';
  if (milliseconds < 1000) return `${milliseconds < 10 ? Math.round(milliseconds * 10) / 10 : Math.round(milliseconds)} ms`;
  return `${Math.round(milliseconds / 100) / 10} s`;
}

// In the format of a channel's sentence.
export function saidDuration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return '–';
  if (milliseconds < 1) return '< 1 ms';
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(Math.round(milliseconds / 100) / 10).toFixed(1)} s`;
}

const withSeconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const withMinutes = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const withDay = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

export const clock = time => withSeconds.format(time);

// As precise as useful: seconds for recent times, the day for old ones.
export function since(time, now) {
  const age = now - time;
  if (age > 20 * 3600e3) return withDay.format(time);
  return age > 600e3 ? withMinutes.format(time) : withSeconds.format(time);
}

export const time = (milliseconds, text) => {
  const element = document.createElement('time');
  element.dateTime = new Date(milliseconds).toISOString();
  element.textContent = text;
  return element;
};

// The nodes of a sentence whose times are `{0}`, `{1}`.
export function sentence(text, times, now) {
  return text.split(/\{(\d+)\}/).map((part, index) => {
    if (index % 2 === 0) return part;
    const moment = times[Number(part)];
    return moment === undefined ? '' : time(moment, since(moment, now));
  });
}

const said = word => String(word ?? 'unknown').replaceAll('_', ' ');
const ids = (from, to) => (from === to ? `id ${from}` : `ids ${count(from)} to ${count(to)}`);

const events = {
  subscribed: e => `${e.offset === undefined ? 'subscribed' : 'replication attached'}${
    e.redis_version ? ` to Redis ${e.redis_version}` : ''}${e.redis ? ` at ${e.redis}` : ''}${
    e.replica_of ? `, a replica of ${e.replica_of}` : ''}`,
  resumed: () => 'replication continued where it ended: nothing was missed',
  attached: () => 'hub found: its envelopes are received from here on',
  detached: () => 'hub without nodes: the relay no longer watches it until a node comes',
  disconnected: e => `connection to Redis lost: ${e.why}`,
  gap: e => (e.from === undefined ? `envelopes may be missing: ${e.why}`
    : `${count(e.to - e.from + 1)} missing, ${ids(e.from, e.to)}: ${e.why}`),
  replica_link_lost: () => 'the replica has lost its master: what is published does not arrive',
  replica_link_restored: () => 'the replica follows its master again, and has missed nothing',
  replica_resync: () => 'the replica did a full sync from its master: what was published meanwhile is missing',
  may_be_missing: e =>
    `cannot tell whether ids are missing${e.after === undefined ? '' : ` after ${count(e.after)}`}: ${e.why}`,
  duplicate: e => `id ${e.from} was received twice`,
  counter_reset: e => `counter set back from ${count(e.from)} to ${count(e.to)}`,
  interleaved: e => `${e.counters ?? 2} counters publish in turn${e.databases
    ? `, in databases ${Object.keys(e.databases).join(' and ')}` : ''}: applications share the event key`,
  dropped: e => `${count(e.envelopes ?? 0)} ${e.envelopes === 1 ? 'envelope' : 'envelopes'} received and not recorded: ${e.why}`,
  demoted: e => `Redis was demoted to a replica${e.reason ? ` of ${e.reason}` : ''}: nodes publish elsewhere`,
  promoted: () => 'Redis was promoted: it is a master now',
  clock_step: e => `the clock was set by ${Math.round((e.nanoseconds ?? 0) / 1e6)} ms`,
  recording_paused: () => 'recording paused: disk space is low',
  recording_resumed: () => 'recording resumed',
  writing_failed: e => `the capture cannot be written: ${e.why}`,
  writing_resumed: e => `writing to the capture works again; ${count(e.envelopes ?? 0)} ${e.envelopes === 1 ? 'envelope was' : 'envelopes were'} lost`,
  segment_deleted: e => `segment deleted: ${e.why}`,
};

export const eventWords = event => (events[event.event] ? events[event.event](event) : said(event.event));

const levels = {
  demoted: 'bad', promoted: 'good', replica_link_lost: 'bad', replica_link_restored: 'good', replica_resync: 'bad', gap: 'bad', interleaved: 'bad', disconnected: 'bad', dropped: 'bad',
  recording_paused: 'bad', writing_failed: 'bad',
  counter_reset: 'warning', may_be_missing: 'warning', duplicate: 'warning', clock_step: 'warning',
  subscribed: 'good', resumed: 'good', attached: 'good', recording_resumed: 'good', writing_resumed: 'good',
};

export const eventLevel = event => levels[event.event] ?? 'idle';
