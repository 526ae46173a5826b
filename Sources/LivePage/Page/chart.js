// A moving SVG chart: lines or bars over the last minutes, with events as marks.

const space = 'http://www.w3.org/2000/svg';
const height = 120;
const margin = { top: 14, right: 2, bottom: 18, left: 2 };

const make = (name, attributes = {}, ...children) => {
  const element = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

// The next of 1, 2, 5, 10, 20 ... of a unit, so that the axis does not change with every sample.
function niceCeiling(value, thousand) {
  if (!(value > 0)) return 1;
  const unit = thousand ** Math.max(0, Math.floor(Math.log(value) / Math.log(thousand)));
  const power = unit * 10 ** Math.floor(Math.log10(value / unit));
  return [1, 2, 5, 10].map(step => step * power).find(step => step >= value * 0.9999) ?? 10 * power;
}

export class Chart {
  // series: [{ label, column }], the first one filled; thousand: base of the unit's prefixes; bars: instead of lines.
  constructor({ title, series, format, said = format, thousand = 1000, bars = false }) {
    Object.assign(this, { title, series, format, said, thousand, bars });
    this.samples = [];
    this.cursor = null;
    this.figure = document.createElement('figure');
    const caption = document.createElement('figcaption');
    const name = document.createElement('span');
    name.textContent = title;
    this.value = document.createElement('b');
    caption.append(name, this.value);
    this.svg = make('svg', { height, role: 'img', tabindex: 0, class: 'chart' });
    this.figure.append(caption, this.svg);
    this.svg.addEventListener('pointermove', event => this.point(event.offsetX));
    this.svg.addEventListener('pointerleave', () => this.release());
    this.svg.addEventListener('blur', () => this.release());
    this.svg.addEventListener('keydown', event => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.figure);
  }

  // current: like a sample, with the figures of the channel's sentence.
  update(samples, events, outages, now, current) {
    Object.assign(this, { samples, events, outages, now, current });
    this.draw();
  }

  // Two to fifteen minutes: the available samples fill the width.
  get span() {
    const first = this.samples[0]?.[0] ?? this.now;
    return Math.min(900e3, Math.max(120e3, this.now - first));
  }

  draw() {
    const width = this.figure.clientWidth;
    if (!width || this.now === undefined) return;
    const plot = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
    const start = this.now - this.span;
    const samples = this.samples.filter(sample => sample[0] >= start);
    const top = niceCeiling(Math.max(0, ...samples.flatMap(s => this.series.map(line => s[line.column] ?? 0))), this.thousand);
    const x = time => margin.left + ((time - start) / this.span) * plot.width;
    const y = value => margin.top + plot.height * (1 - value / top);
    this.scale = { start, plot, x };

    const base = margin.top + plot.height;
    const parts = [];
    for (const [from, to] of this.outages) {
      const left = Math.max(margin.left, x(from));
      const right = Math.min(margin.left + plot.width, x(to ?? this.now));
      if (right > left) parts.push(make('rect', { class: 'outage', x: left, y: margin.top, width: right - left, height: plot.height }));
    }
    for (const value of [0, top / 2, top]) {
      parts.push(make('line', { class: 'grid', x1: margin.left, x2: width - margin.right, y1: y(value), y2: y(value) }));
    }
    parts.push(make('text', { class: 'axis', x: margin.left, y: margin.top - 3 }, this.format(top)));
    const minutes = Math.round(this.span / 60e3);
    parts.push(make('text', { class: 'axis', x: margin.left, y: height - 4 }, `${minutes} min ago`));
    parts.push(make('text', { class: 'axis end', x: width - margin.right, y: height - 4 }, 'now'));
    if (this.bars) parts.push(...this.drawBars(samples, x, y, base));
    else parts.push(...this.series.flatMap((line, index) => this.drawLine(samples, line, index, x, y, base)));
    for (const event of this.events) {
      if (event.at < start) continue;
      const at = x(event.at);
      const mark = make('g', { class: `mark ${event.level}` },
        make('line', { x1: at, x2: at, y1: margin.top, y2: base }),
        make('path', { d: `M${at - 5} ${margin.top - 9}h10l-5 9z` }),
        make('title', {}, event.words));
      parts.push(mark);
    }
    this.drawCursor(parts, samples, x, base);
    this.svg.setAttribute('width', width);
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...parts);
    this.describe(samples);
  }

  drawLine(samples, line, index, x, y, base) {
    const pieces = [];
    let piece = [];
    let before = 0;
    for (const sample of samples) {
      const value = sample[line.column];
      // No line where nothing was measured.
      if (value === null || sample[0] - before > 3500) {
        if (piece.length) pieces.push(piece);
        piece = [];
      }
      before = sample[0];
      if (value !== null) piece.push([x(sample[0]).toFixed(1), y(value).toFixed(1)]);
    }
    if (piece.length) pieces.push(piece);
    return pieces.flatMap(points => {
      const path = points.map(point => point.join(' ')).join('L');
      const parts = [make('path', { class: `line s${index}`, d: points.length > 1 ? `M${path}` : `M${path}h0.1` })];
      if (index === 0) {
        parts.unshift(make('path', { class: 'area', d: `M${points[0][0]} ${base}L${path}L${points.at(-1)[0]} ${base}z` }));
      }
      return parts;
    });
  }

  drawBars(samples, x, y, base) {
    const column = this.series[0].column;
    return samples.filter(sample => sample[column] > 0).map(sample => {
      const top = Math.min(y(sample[column]), base - 3);
      return make('rect', { class: 'bar', x: x(sample[0]) - 1.5, y: top, width: 3, height: base - top });
    });
  }

  drawCursor(parts, samples, x, base) {
    const sample = this.cursor === null ? null : samples.find(s => s[0] >= this.cursor) ?? samples.at(-1);
    if (sample) parts.push(make('line', { class: 'cursor', x1: x(sample[0]), x2: x(sample[0]), y1: margin.top, y2: base }));
    const shown = sample ?? (this.samples.length ? this.current : undefined);
    this.value.textContent = shown ? this.text(shown) : '–';
    if (sample) this.value.textContent += ` at ${new Date(sample[0]).toLocaleTimeString('en-GB')}`;
  }

  text(sample) {
    if (this.series.every(line => sample[line.column] === null)) return '–';
    const format = sample === this.current ? this.said : this.format;
    return this.series.map(line => `${format(sample[line.column])}${line.label ? ` ${line.label}` : ''}`).join(', ');
  }

  // The same as text, for screen readers.
  describe(samples) {
    const last = samples.length ? this.current : undefined;
    const peak = Math.max(0, ...samples.map(sample => sample[this.series[0].column] ?? 0));
    this.svg.setAttribute('aria-label', `${this.title}: ${last ? `now ${this.text(last)}` : 'nothing yet'}; `
      + `highest of the last ${Math.round(this.span / 60e3)} minutes ${this.format(peak)}`);
  }

  point(offset) {
    if (!this.scale) return;
    this.cursor = this.scale.start + ((offset - margin.left) / this.scale.plot.width) * this.span;
    this.draw();
  }

  release() {
    this.cursor = null;
    this.draw();
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30 }[event.key];
    if (event.key === 'Escape') return this.release();
    if (!step || !this.samples.length) return;
    event.preventDefault();
    const at = this.cursor === null ? this.samples.length - 1 : this.samples.findIndex(s => s[0] >= this.cursor);
    const index = Math.min(this.samples.length - 1, Math.max(0, (at < 0 ? this.samples.length - 1 : at) + step));
    this.cursor = this.samples[index][0];
    this.draw();
  }
}
