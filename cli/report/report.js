// The page of a report: shows one moment of the run at a time, from the data that the page carries (deferscope.report/1,
// written by moments.cpp). Text of the guest is only ever set as text.
'use strict';
const D = JSON.parse(document.getElementById('data').textContent);
const $ = id => document.getElementById(id);

// --- the data ---

// An event's columns, as moments.cpp writes them. Those from `stack` on are missing where nothing was kept.
const [KIND, ORIGIN, GOROUTINE, POSITION, TITLE, SUBJECT, LINES, FUNCTION, OFFSET, STACK, CHAIN, WHY, DRAWING, REGISTERS] =
  Array(14).keys();
// An instruction's, in a window.
const [S_POSITION, S_FUNCTION, S_OFFSET, S_WHY, S_DRAWING, S_REGISTERS] = Array(6).keys();
const LETTERS = ['RE', 'AR', 'SP', 'OG', 'LO', 'TM', 'FP', 'RA', 'LR', 'DF', 'PN', 'DB', 'CS', 'CL', '..', '?'];
const STALE = 1, LIVE = 2, SAYS_LITTLE = 4;
// What a kind is marked with; shapes, so that colour is not needed. And what links call it.
const MARKS = {
  'defer.push': ['▲', 'push', 'registered'], 'defer.start': ['▶', 'run', 'runs'], 'defer.end': ['◁', 'return', 'returned'],
  'jmpdefer': ['↷', 'jump', 'jmpdefer'], 'defer.left': ['◌', 'left', 'never'], 'panic.start': ['✖', 'start', 'panic'],
  'panic.recovered': ['↺', 'recovered', 'recovered'], 'recovery.jump': ['⇤', 'jump', 'recovery'],
  'output': ['✎', 'prints', 'prints'], 'exit': ['■', 'exit', 'exit'],
};
const OTHER = ['·', '', 'other'];

const events = D.events, texts = D.texts;
const kindOf = i => D.kinds[events[i][KIND]];
const markOf = i => MARKS[kindOf(i)] || OTHER;
const subjectOf = i => texts[events[i][SUBJECT]];
const numberOf = i => subjectOf(i).startsWith('defer-') ? '#' + subjectOf(i).slice(6) : '';
const titleOf = i => (numberOf(i) ? numberOf(i) + ' ' : '') + texts[events[i][TITLE]];
const place = (f, offset) => D.functions[f][0] + (offset ? '+' + offset : '');
const grouped = n => n.toLocaleString('en-US');

// "defer-3-run", of its first event; "event-12" of the others.
const slugs = new Map(), slugOf = [];
events.forEach((e, i) => {
  const slug = subjectOf(i) && markOf(i)[1] ? subjectOf(i) + '-' + markOf(i)[1] : 'event-' + i;
  slugOf.push(slugs.has(slug) ? 'event-' + i : slug);
  if (!slugs.has(slug)) slugs.set(slug, i);
  slugs.set('event-' + i, i);
});
// A list in which a negative number stands for so many that follow the one before it.
function unrolled(list) {
  const all = [];
  for (const n of list)
    if (n < 0) for (let k = n; k < 0; ++k) all.push(all[all.length - 1] + 1); else all.push(n);
  return all;
}
const goroutines = [...new Set(events.map(e => e[GOROUTINE]))];

// Registers are kept as what changed since the moment before.
function registersUpTo(rows, column, last) {
  const values = [], changed = new Set();
  for (let i = 0; i <= last; ++i) {
    const delta = rows[i][column];
    if (!delta) continue;
    changed.clear();
    for (let k = 0; k < delta.length; k += 2) values[delta[k]] = delta[k + 1], changed.add(delta[k]);
  }
  return {values, changed};
}

// --- the state ---

let shown = [];        // events that scope and search let through
let event = 0;         // the one that is looked at
let step = -1;         // the instruction in its window; -1: the event itself
let frame = null;      // of the stack; null: not chosen
let whole = false;     // all of the function is listed
let view = [0, 1];     // the part of `shown` that the timeline has

const windowOf = i => D.windows[i] || [];
function here() {
  const e = events[event], s = step >= 0 ? windowOf(event)[step] : null;
  if (!s) return {position: e[POSITION], function: e[FUNCTION], offset: e[OFFSET], why: e[WHY], drawing: e[DRAWING]};
  return {position: s[S_POSITION], function: s[S_FUNCTION], offset: s[S_OFFSET], why: s[S_WHY], drawing: s[S_DRAWING]};
}

// --- making elements ---

function make(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
  e.append(...children.filter(c => c !== null));
  return e;
}
const SVG = 'http://www.w3.org/2000/svg';
function shape(tag, attributes) {
  const e = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
}
const quoted = commands => "deferscope step -c '" + commands + "' " + D.command;
function caption(figure, commands) {
  $(figure).querySelector('figcaption').replaceChildren(make('code', {}, quoted('goto ' + here().position + commands)));
}

// --- which events ---

function choose() {
  const scope = {user: ['user'], std: ['user', 'std'], all: D.origins}[$('scope').value];
  const words = $('search').value.trim().toLowerCase();
  const said = i => (titleOf(i) + ' ' + kindOf(i) + ' ' + place(events[i][FUNCTION], 0) + ' ' +
    events[i][LINES].map(l => texts[l]).join(' ').replaceAll('#%', numberOf(i))).toLowerCase();
  shown = [];
  for (let i = 0; i < events.length; ++i)
    if (scope.includes(D.origins[events[i][ORIGIN]]) && (!words || said(i).includes(words))) shown.push(i);
  $('count').textContent = grouped(shown.length) + (shown.length === 1 ? ' event' : ' events') +
    (words ? ' found' : '') + (shown.length < events.length ? ' of ' + grouped(events.length) : '');
  view = [0, Math.max(1, shown.length)];
  $('rows').style.height = shown.length * ROW + 'px';
}
// Where the event, or the next one behind it, stands in `shown`.
function indexOf(i) {
  let low = 0, high = shown.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shown[middle] < i) low = middle + 1; else high = middle;
  }
  return low;
}

// --- the list: only the rows that are seen ---

const ROW = 30;
function list() {
  const box = $('list'), first = Math.max(0, Math.floor(box.scrollTop / ROW) - 5);
  const last = Math.min(shown.length, first + Math.ceil(box.clientHeight / ROW) + 10);
  const rows = [];
  for (let k = first; k < last; ++k) {
    const i = shown[k];
    const row = make('div', {class: 'row', role: 'option', id: 'row-' + i, 'aria-posinset': k + 1,
      'aria-setsize': shown.length, 'aria-selected': i === event, style: 'top:' + k * ROW + 'px', title: titleOf(i)},
      make('span', {class: 'mark', 'aria-hidden': 'true'}, markOf(i)[0]), make('span', {class: 'what'}, titleOf(i)),
      goroutines.length > 1 ? make('span', {class: 'who'}, 'g' + events[i][GOROUTINE]) : null);
    row.addEventListener('click', () => go(i));
    rows.push(row);
  }
  $('rows').replaceChildren(...rows);
  if ($('row-' + event)) box.setAttribute('aria-activedescendant', 'row-' + event);
}
function scrollToEvent() {
  const box = $('list'), top = indexOf(event) * ROW;
  if (top < box.scrollTop || top + ROW > box.scrollTop + box.clientHeight)
    box.scrollTop = top - box.clientHeight / 2 + ROW / 2;
}

// --- the timeline: a row a goroutine, an event a mark, evenly spaced ---

// Where marks have no room an event is a dash, at the height of its kind.
const bandOf = i => Math.max(0, ['defer.push', 'defer.start', 'panic'].findIndex(k => kindOf(i).startsWith(k)) + 1) % 4;
const LEFT = 46, LANE = 24, AXIS = 20, MOST_ROWS = 200;
function timeline() {
  const canvas = $('plot').querySelector('canvas'), style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue(name).trim();
  const rows = [...new Set(shown.map(i => events[i][GOROUTINE]))].slice(0, MOST_ROWS);
  const rowOf = new Map(rows.map((g, k) => [g, k]));
  const width = $('plot').clientWidth, height = Math.max(1, rows.length) * LANE + AXIS, ratio = devicePixelRatio || 1;
  canvas.width = width * ratio, canvas.height = height * ratio, canvas.style.height = height + 'px';
  const c = canvas.getContext('2d');
  c.scale(ratio, ratio);
  c.font = '12px ' + colour('--mono'), c.textBaseline = 'middle';
  rows.forEach((g, k) => {
    c.fillStyle = colour('--soft'), c.textAlign = 'left';
    c.fillText(g ? 'g' + g : 'none', 0, k * LANE + LANE / 2);
    c.fillStyle = colour('--line');
    c.fillRect(LEFT, k * LANE + LANE - 1, width - LEFT, 1);
  });
  const [from, to] = view, pitch = (width - LEFT - 8) / (to - from), x = k => LEFT + 4 + (k - from + .5) * pitch;
  const taken = new Map();  // by row and band: up to which pixel a mark stands
  c.textAlign = 'center', c.fillStyle = colour('--ink');
  const glyphs = pitch >= 9;
  for (let k = Math.max(0, Math.floor(from)); k < Math.min(shown.length, Math.ceil(to)); ++k) {
    const i = shown[k], row = rowOf.get(events[i][GOROUTINE]);
    const band = bandOf(i), key = row * 4 + band;
    if (row === undefined || (!glyphs && taken.get(key) === Math.floor(x(k)))) continue;
    taken.set(key, Math.floor(x(k)));
    if (glyphs) c.fillText(markOf(i)[0], x(k), row * LANE + LANE / 2);
    else c.fillRect(Math.floor(x(k)), row * LANE + 4 + band * 4, Math.max(1, Math.min(4, pitch - 1)), 4);
  }
  c.fillStyle = colour('--soft'), c.font = '11px ' + colour('--mono');
  for (let at = LEFT + 44; at < width - 30; at += 130) {
    const k = Math.min(shown.length - 1, Math.max(0, Math.round((at - LEFT - 4) / pitch + from - .5)));
    if (shown.length) c.fillText('@' + grouped(events[shown[k]][POSITION]), at, height - AXIS / 2);
  }
  const k = indexOf(event), ring = Math.max(8, Math.min(14, pitch / 2));
  if (shown[k] === event && k + 1 > from && k < to) {
    c.fillStyle = c.strokeStyle = colour('--accent'), c.lineWidth = 2;
    c.fillRect(x(k) - 1, 0, 2, height - AXIS);
    c.strokeRect(x(k) - ring, (rowOf.get(events[event][GOROUTINE]) || 0) * LANE + 2,
      2 * ring, LANE - 5);
  }
  const plot = $('plot');
  plot.setAttribute('aria-valuemax', shown.length);
  plot.setAttribute('aria-valuenow', k + 1);
  plot.setAttribute('aria-valuetext', titleOf(event));
}
function zoom(factor, at) {
  const all = Math.max(1, shown.length), size = Math.min(all, Math.max(8, (view[1] - view[0]) * factor));
  const k = at === undefined ? indexOf(event) + .5 : at, share = (k - view[0]) / (view[1] - view[0]);
  const from = Math.min(Math.max(0, k - size * Math.min(1, Math.max(0, share))), all - Math.min(all, size));
  view = [from, from + size];
  timeline();
}
function keepInView() {
  const k = indexOf(event), size = view[1] - view[0];
  if (k >= view[0] && k + 1 <= view[1]) return;
  const from = Math.max(0, Math.min(k - size / 2, shown.length - size));
  view = [from, from + size];
}

// --- a moment ---

function heading() {
  const e = events[event], at = here(), number = numberOf(event);
  $('title').replaceChildren(...(number ? [make('span', {class: 'number'}, number), ' '] : []), texts[e[TITLE]]);
  const link = make('a', {href: '#' + anchor()}, '#' + anchor());
  const steps = windowOf(event);
  $('where').replaceChildren(
    '@' + grouped(at.position) + ' · ' + (e[GOROUTINE] ? 'goroutine ' + e[GOROUTINE] : 'no goroutine') + ' · ' +
    place(at.function, at.offset) + (step >= 0 ? ' · instruction ' + (step + 1) + ' of ' + steps.length : '') + ' · ', link);
  $('details').replaceChildren(...e[LINES].map(l => make('li', {}, texts[l].replace('#%', number))));
  for (const b of document.querySelectorAll('[data-move]')) b.disabled = moved(b.dataset.move, +b.dataset.by) === null;
}

// Which frame's code is shown unasked: where it stands if that is the program's or the event is about single
// instructions, else the innermost of the program's.
function usualFrame(stack) {
  if (step >= 0 || ['jmpdefer', 'recovery.jump'].includes(kindOf(event))) return 0;
  for (let k = 0; k < stack.length; k += 2) if (D.origins[D.functions[stack[k]][1]] === 'user') return k / 2;
  return 0;
}

function code() {
  const at = here(), e = events[event];
  const stack = step >= 0 || e[STACK] === undefined || !D.stacks[e[STACK]].length ? [at.function, at.offset] : D.stacks[e[STACK]];
  const chosen = frame === null || frame * 2 >= stack.length ? usualFrame(stack) : frame;
  const buttons = [];
  for (let k = 0; k < stack.length; k += 2) {
    const b = make('button', {type: 'button', 'aria-pressed': k / 2 === chosen}, place(stack[k], stack[k + 1]));
    b.addEventListener('click', () => { frame = k / 2, whole = false; code(); });
    buttons.push(b);
  }
  $('stack').replaceChildren(...buttons);
  const [name, , lines] = D.functions[stack[chosen * 2]], offset = stack[chosen * 2 + 1];
  const middle = Math.max(0, lines.findIndex(l => l[0] === offset)), around = 12;
  const first = whole ? 0 : Math.max(0, middle - around), last = whole ? lines.length : Math.min(lines.length, middle + around + 1);
  const rows = [];
  let line = '';
  for (let k = first; k < last; ++k) {
    const [at2, text, file, number] = lines[k], now = D.files[file] + ':' + number;
    if (now !== line && number > 0) {
      const source = (D.source[file] || {})[number];
      rows.push(make('tr', {class: 'source'}, make('td', {}), make('td', {colspan: 2}, now + '  ',
        make('span', {class: 'text'}, source === undefined ? '' : source))));
      line = now;
    }
    const is = at2 === offset;
    rows.push(make('tr', is ? {class: 'here', 'aria-current': 'true'} : {}, make('td', {class: 'at'}, is ? '▶' : ''),
      make('td', {class: 'offset'}, '+' + at2), make('td', {}, text)));
    if (is && chosen === 0 && at.why !== undefined)
      for (const w of D.whys[at.why])
        rows.push(make('tr', {class: 'why'}, make('td', {}), make('td', {}), make('td', {}, texts[w])));
  }
  $('code').querySelector('tbody').replaceChildren(...rows);
  $('code').querySelector('table').setAttribute('aria-label', 'Instructions of ' + name);
  const rest = lines.length - (last - first);
  $('whole').hidden = rest <= 0 && !whole;
  $('whole').textContent = whole ? 'Only what stands around' : 'Show ' + rest + ' more instructions';
  caption('code', chosen ? '; frame ' + chosen + '; dis' : '');
}

// The words of a drawing by what names them in another one of the same stack.
function wordsByName(number) {
  const all = new Map(), drawing = number >= 0 ? D.drawings[number] : null;
  if (!drawing) return all;
  const times = new Map();
  const add = (title, rows) => {
    const nth = (times.get(title) || 0) + 1;
    times.set(title, nth);
    for (const r of unrolled(rows)) all.set(title + '|' + nth + '|' + D.rows[r][0], D.rows[r][5]);
  };
  for (const f of drawing[0]) add(texts[D.frames[f][0]] + D.frames[f][2], D.frames[f][5]);
  for (const b of drawing[1]) add(texts[D.boxes[b][0]], D.boxes[b][2]);
  return all;
}
function drawingBefore() {
  const steps = windowOf(event);
  if (step >= 0) return step > 0 ? steps[step - 1][S_DRAWING] : -1;
  for (let i = event - 1; i >= 0; --i)
    if (events[i][GOROUTINE] === events[event][GOROUTINE] && events[i][DRAWING] >= 0) return events[i][DRAWING];
  return -1;
}

function drawing() {
  const at = here(), canvas = $('drawing').querySelector('.canvas');
  const own = at.drawing >= 0 ? at.drawing : -1, drawn = own >= 0 ? D.drawings[own] : null;
  if (!drawn) {
    canvas.replaceChildren(make('p', {}, 'No drawing is kept here.'));
    return caption('drawing', '; draw');
  }
  const before = wordsByName(drawingBefore()), words = [], times = new Map();
  const block = (title, said, rows, up) => {
    const nth = (times.get(title) || 0) + 1;
    times.set(title, nth);
    const out = make('div', {class: 'block', role: 'list'});
    if (said) out.append(said);
    let hidden = 0, last = null;
    for (const r of unrolled(rows)) {
      const [offset, size, role, label, type, value, flags, ...marks] = D.rows[r];
      const little = flags & SAYS_LITTLE;
      if (little && last && last.little && !marks.length) {
        words.push(last.row);
        last.row.querySelector('.what').textContent = ++hidden + 1 + ' words: ' + texts[label] + (flags & STALE ? ' (not written yet)' : '');
        last.row.querySelector('.value').textContent = '…';
        continue;
      }
      hidden = 0;
      const old = before.get(title + '|' + nth + '|' + offset), changed = old !== undefined && old !== value && !(flags & STALE);
      const row = make('div', {class: 'word' + (changed ? ' changed' : '') + (flags & STALE ? ' stale' : ''),
        role: 'listitem', style: 'background-color:var(--r' + role + ')', title: D.roles[role] + (texts[type] ? ', ' + texts[type] : '')},
        make('span', {class: 'offset'}, (offset < 0 ? '−' : '+') + Math.abs(offset)),
        make('abbr', {class: 'letters', title: D.roles[role], style: 'text-decoration:none'}, LETTERS[role]),
        make('span', {class: 'value'}, ...(changed ? [make('del', {}, old), ' → '] : []), value || '\u00a0'),
        make('span', {class: 'what'}, texts[label] + (flags & STALE ? ' (not written yet)' : flags & LIVE ? '' : ' (not live here)'),
          ...marks.map(m => make('span', {class: 'mark'}, ' ◀ ' + m))));
      out.append(row), words.push(row);
      last = {little, row};
    }
    return out;
  };
  const stack = make('div', {class: 'side', 'aria-label': 'Stack, high addresses above'});
  for (const f of drawn[0]) {
    const [name, where, size, isWhole, system, rows] = D.frames[f];
    stack.append(block(texts[name] + size, make('p', {}, texts[name], make('span', {}, isWhole ? '  frame ' + size + ' bytes' : '  what it passes',
      system ? ', thread’s stack' : '')), rows));
  }
  const heap = make('div', {class: 'side', 'aria-label': 'Records and closures'});
  for (const b of drawn[1]) {
    const [title, state, rows] = D.boxes[b];
    heap.append(block(texts[title], make('p', {}, texts[title], make('span', {}, texts[state] ? '  ' + texts[state] : '')), rows));
  }
  for (const r of drawn[2]) heap.append(make('p', {}, texts[r]));
  canvas.replaceChildren(stack, ...(heap.children.length ? [heap] : []));
  arrows(canvas, words, D.arrows[drawn[3]]);
  caption('drawing', '; draw');
}

// From a word to what it points at: left of the stack for words of the stack, else across.
function arrows(canvas, words, pairs) {
  canvas.querySelector('svg')?.remove();
  const svg = shape('svg', {'aria-hidden': 'true'}), box = canvas.getBoundingClientRect();
  const lanes = [];
  for (let k = 0; k < pairs.length; k += 2) {
    const from = words[pairs[k]], to = words[pairs[k + 1]];
    if (!from || !to || from === to) continue;
    const a = from.getBoundingClientRect(), b = to.getBoundingClientRect();
    const y1 = a.top + a.height / 2 - box.top, y2 = b.top + b.height / 2 - box.top;
    let path;
    if (b.left > a.right || b.right < a.left) {
      const right = b.left > a.right, x1 = (right ? a.right : a.left) - box.left, x2 = (right ? b.left : b.right) - box.left;
      const bend = (x2 - x1) / 2;
      path = 'M' + x1 + ' ' + y1 + 'C' + (x1 + bend) + ' ' + y1 + ' ' + (x2 - bend) + ' ' + y2 + ' ' + x2 + ' ' + y2;
      const d = right ? -6 : 6;
      svg.append(shape('path', {class: 'head', d: 'M' + x2 + ' ' + y2 + 'l' + d + ' -4v8z'}));
    } else {
      const low = Math.min(y1, y2), high = Math.max(y1, y2);
      let lane = 0;
      while ((lanes[lane] || []).some(l => l[0] < high + 4 && l[1] > low - 4)) ++lane;
      (lanes[lane] ||= []).push([low, high]);
      const x = Math.min(a.left, b.left) - box.left, out = Math.max(2, x - 6 - (lane % 4) * 5);
      path = 'M' + x + ' ' + y1 + 'H' + out + 'V' + y2 + 'H' + (x - 1);
      svg.append(shape('path', {class: 'head', d: 'M' + x + ' ' + y2 + 'l-6 -4v8z'}));
    }
    svg.append(shape('path', {d: path}));
  }
  canvas.append(svg);
}

function chain() {
  const e = events[event], body = $('chain').querySelector('.body'), c = e[CHAIN] === undefined ? null : D.chains[e[CHAIN]];
  const entries = c => c.map(x => D.entries[x]);
  const part = (title, items, write, ordered) => items.length ?
    [make('h4', {}, title), make(ordered ? 'ol' : 'ul', {}, ...items.map(x => make('li', {}, ...write(x))))] : [];
  const t = n => texts[n];
  const soft = s => make('span', {class: 'state'}, s);
  if (!c) body.replaceChildren(make('p', {class: 'note'}, 'Nothing is kept here.'));
  else {
    const all = [
      ...part('Panicking, newest first', c[2], p => [t(p[0]) || 'Goexit', soft(t(p[1]) ? '  ' + t(p[1]) : '')]),
      ...part('Running, outermost first', entries(c[0]), r => [(t(r[0]) + ' ').trimStart() + t(r[1]), soft('  by ' + t(r[2]))]),
      ...part('Pending, next to run first', entries(c[1]), p => [(t(p[0]) + ' ').trimStart() + t(p[1]),
        soft('  ' + t(p[2]) + ', of ' + t(p[3]) + (t(p[4]) ? ', ' + t(p[4]) : ''))], true),
      ...c[3].map(n => make('p', {class: 'note'}, t(n)))];
    body.replaceChildren(...(all.length ? all : [make('p', {class: 'note'}, 'Nothing is pending and nothing runs.')]));
  }
  if (step >= 0) body.prepend(make('p', {class: 'note'}, 'At the event:'));
  $('chain').querySelector('figcaption').replaceChildren(make('code', {}, quoted('goto ' + e[POSITION] + '; defers')));
}

// How each program keeps and runs the defer at hand; what is not as in the page's own is marked.
function releases() {
  const rows = (D.releases || {})[subjectOf(event)];
  $('releases').hidden = !rows;
  if (!rows) return;
  const own = rows[0], at = p => p ? make('span', {class: 'state'}, '  @' + grouped(p)) : null;
  const cell = (row, k, position) => make('td', row[k] === own[k] ? {} : {class: 'differs'}, row[k], at(position));
  $('releases').querySelector('tbody').replaceChildren(...rows.map(row => make('tr', row === own ? {class: 'here'} : {},
    make('th', {scope: 'row'}, row[0]), ...(row.length > 2 ? [cell(row, 1), cell(row, 2, row[3]), cell(row, 4, row[5])] :
      [make('td', {colspan: 3, class: 'state'}, row[1])]))));
}

function registers() {
  const kept = step >= 0 ? registersUpTo(windowOf(event), S_REGISTERS, step) : registersUpTo(events, REGISTERS, event);
  const known = step >= 0 || events[event][REGISTERS];
  $('registers').hidden = !known;
  if (!known) return;
  $('registers').querySelector('dl').replaceChildren(...kept.values.map((v, r) => make('div', kept.changed.has(r) ? {class: 'changed'} : {},
    make('dt', {}, D.registers[r]), make('dd', {}, v))));
  caption('registers', '; regs');
}

function output() {
  const most = 6000, pieces = [];
  let size = 0;
  const until = step >= 0 ? events.findIndex((e, i) => i > event - 50 && e[POSITION] > here().position) : event + 1;
  for (let k = D.output.length - 1; k >= 0 && size < most; --k) {
    const [i, stream, text, more] = D.output[k];
    if (until >= 0 && i >= until) continue;
    pieces.unshift(make('span', stream === 2 ? {class: 'error'} : {}, text + (more ? '… ' + more + ' more bytes\n' : '')));
    size += text.length;
  }
  if (size >= most) pieces.unshift('…\n');
  $('output').querySelector('pre').replaceChildren(...pieces);
  $('output').hidden = !pieces.length;
}

// --- moving ---

const anchor = () => slugOf[event] + (step >= 0 ? '@' + here().position : '');

// Where a move leads: [event, step]; null: nowhere.
function moved(what, by) {
  if (what === 'event') {
    const k = indexOf(event), next = by > 0 ? (shown[k] === event ? k + 1 : k) : k - 1;
    return next >= 0 && next < shown.length ? [shown[next], -1] : null;
  }
  if (what === 'subject') {
    const subject = subjectOf(event);
    for (let i = event + by; subject && i >= 0 && i < events.length; i += by) if (subjectOf(i) === subject) return [i, -1];
    return null;
  }
  const steps = windowOf(event);
  let from = step;
  if (step < 0) {  // the event itself stands at one of them
    from = steps.findIndex(s => s[S_POSITION] >= events[event][POSITION]);
    if (from < 0) return null;
  }
  return from + by >= 0 && from + by < steps.length ? [event, from + by] : null;
}
function move(what, by) {
  const to = moved(what, by);
  if (to) go(to[0], to[1]);
}

function go(i, s = -1, remember = true) {
  event = i, step = s, frame = null, whole = false;
  if (remember) {
    try { history.replaceState(null, '', '#' + anchor()); } catch { /* a sandboxed frame */ }
  }
  show();
}
function show() {
  keepInView(), scrollToEvent(), list(), timeline(), heading(), code(), drawing(), chain(), releases(), registers(), output();
}
function follow() {
  let name = location.hash.slice(1);
  try { name = decodeURIComponent(name); } catch { return false; }
  const [slug, at] = name.split('@'), i = slugs.get(slug);
  if (i === undefined) return false;
  if (!shown.includes(i)) $('scope').value = 'all', $('search').value = '', choose();
  go(i, at ? windowOf(i).findIndex(s => s[S_POSITION] === +at) : -1, false);
  return true;
}
function refilter() {
  choose();
  const k = Math.min(indexOf(event), shown.length - 1);
  if (shown.length && shown[k] !== event) go(shown[k]); else show();
}

const KEYS = {
  ArrowRight: () => move('event', 1), ArrowLeft: () => move('event', -1), ']': () => move('subject', 1),
  '[': () => move('subject', -1), '.': () => move('step', 1), ',': () => move('step', -1),
  Home: () => shown.length && go(shown[0]), End: () => shown.length && go(shown[shown.length - 1]),
  '+': () => zoom(.5), '=': () => zoom(.5), '-': () => zoom(2), '0': () => zoom(Infinity), '/': () => $('search').focus(),
};
document.addEventListener('keydown', k => {
  if (k.ctrlKey || k.metaKey || k.altKey) return;
  const typing = k.target.matches('input, select, textarea');
  if (k.key === 'Escape' && ($('search').value || typing)) {
    $('search').value = '', k.target.blur(), refilter();
  } else if (typing) {
    if (k.key === 'Enter') k.preventDefault(), $('list').focus();
  } else if (['ArrowUp', 'ArrowDown'].includes(k.key) && k.target === $('list')) {
    k.preventDefault(), move('event', k.key === 'ArrowDown' ? 1 : -1);
  } else if (KEYS[k.key]) {
    k.preventDefault(), KEYS[k.key]();
  }
});
for (const b of document.querySelectorAll('[data-move]')) b.addEventListener('click', () => move(b.dataset.move, +b.dataset.by));
$('list').addEventListener('scroll', () => requestAnimationFrame(list), {passive: true});
$('search').addEventListener('input', refilter);
$('scope').addEventListener('change', refilter);
$('controls').addEventListener('submit', s => s.preventDefault());
$('whole').addEventListener('click', () => { whole = !whole; code(); });
$('zoom-in').addEventListener('click', () => zoom(.5));
$('zoom-out').addEventListener('click', () => zoom(2));
$('zoom-all').addEventListener('click', () => zoom(Infinity));
const pointed = p => view[0] + (p.clientX - $('plot').getBoundingClientRect().left - LEFT - 4) /
  ($('plot').clientWidth - LEFT - 8) * (view[1] - view[0]);
$('plot').addEventListener('click', p => {
  const k = Math.floor(pointed(p));
  if (k >= 0 && k < shown.length) go(shown[k]);
});
$('plot').addEventListener('wheel', w => {
  if (w.ctrlKey || w.metaKey) w.preventDefault(), zoom(w.deltaY > 0 ? 1.25 : .8, pointed(w));
}, {passive: false});
addEventListener('hashchange', follow);
new ResizeObserver(() => { timeline(), list(), drawing(); }).observe($('columns'));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', timeline);

// --- the start ---

const count = kind => events.filter((e, i) => kindOf(i) === kind && D.origins[e[ORIGIN]] === 'user').length;
const several = (n, one, many) => n ? grouped(n) + ' ' + (n === 1 ? one : many) : '';
$('summary').textContent = [D.release, several(count('defer.push'), 'defer', 'defers'), several(count('panic.start'), 'panic', 'panics'),
  several(count('panic.recovered'), 'recovery', 'recoveries'), several(goroutines.filter(g => g).length, 'goroutine', 'goroutines')]
  .filter(s => s).join(' · ');
const used = new Set(events.map((e, i) => markOf(i)));
$('legend').replaceChildren(...[...used].map(m => make('li', {}, m[0] + ' ' + m[2])));
$('notes').replaceChildren(...D.notes.map(n => make('li', {}, n)));
if (!events.some(e => D.origins[e[ORIGIN]] === 'user')) $('scope').value = 'all';
choose();
if (events.length && !follow()) go(shown[0], -1, false);
