"use strict";
// The page's own script. It makes text of what strangers named, never markup, and asks nobody for anything.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : noun.endsWith("y") ? "" : "s"}`.replace(/(\d+) (\w+)y$/, (_, n, word) => `${n} ${word}${n === "1" ? "y" : "ies"}`);
  const text = (number) => data.texts[number];
  const code = (char) => parseInt(char, 36);
  const NONE = data.marks.findIndex((mark) => mark[2] === "none");
  const SYNC = data.marks.findIndex((mark) => mark[2] === "sync");
  const columns = data.servers.length;
  const pairs = (flat) => { const found = new Map(); for (let i = 0; i < flat.length; i += 2) found.set(flat[i], flat[i + 1]); return found; };
  const numbers = data.numbers.map(pairs);
  const why = data.why.map(pairs);
  const markAt = (row, column) => code(data.grid[row][column]);
  const short = (when) => when.replace("T", " ").replace("Z", "");

  // --- what belongs to a cell --------------------------------------------------------------------
  const group = (list) => {
    const found = new Map();
    for (const item of list) {
      const key = item[1] < 0 ? `${item[0]}` : `${item[0]},${item[1]}`;
      if (!found.has(key)) found.set(key, []);
      found.get(key).push(item);
    }
    return (row, column) => [...(found.get(`${row}`) || []), ...(found.get(`${row},${column}`) || [])];
  };
  const actionsOf = group(data.actions);
  const holdsOf = group(data.holds);
  const historyOf = (row, column) => {
    const found = data.past[row];
    return found === undefined ? "" : data.histories[typeof found === "number" ? found : found[column]];
  };

  // --- the rows that are shown -------------------------------------------------------------------
  const weight = data.grid.map((row) => { let worst = NONE; for (const char of row) worst = Math.min(worst, code(char)); return worst; });
  const state = { rows: [], row: 0, column: 0, picked: new Set(), words: "", alike: false, order: "name" };

  const select = () => {
    const words = state.words.toLowerCase().split(/\s+/).filter(Boolean);
    const servers = data.servers.map((server) => server[0].toLowerCase());
    const serverWords = words.filter((word) => servers.some((name) => name.includes(word)));
    const wanted = servers.map((name) => serverWords.length === 0 || serverWords.some((word) => name.includes(word)));
    let rows = [];
    data.repositories.forEach((repository, row) => {
      const name = repository[0].toLowerCase();
      const named = words.every((word) => name.includes(word) || serverWords.includes(word));
      if (!named) return;
      if (state.picked.size) {
        let hit = false;
        for (let column = 0; column < columns && !hit; column++) hit = wanted[column] && state.picked.has(markAt(row, column));
        if (!hit) return;
      }
      rows.push([row]);
    });
    if (state.alike) {
      const groups = new Map();
      for (const [row] of rows) { const key = data.grid[row]; if (groups.has(key)) groups.get(key).push(row); else groups.set(key, [row]); }
      rows = [...groups.values()];
    }
    if (state.order === "grave") rows.sort((a, b) => weight[a[0]] - weight[b[0]]);
    state.rows = rows;
    state.wanted = wanted.map((yes, column) => (yes ? column : -1)).filter((column) => column >= 0);
    state.row = Math.min(state.row, Math.max(0, rows.length - 1));
    state.column = Math.min(state.column, Math.max(0, state.wanted.length - 1));
    head(); paint(true);
    const count = rows.reduce((sum, found) => sum + found.length, 0);
    byId("shown").textContent = `${plural(count, "repository")} of ${data.repositories.length} in ${plural(rows.length, "row")}, ${plural(state.wanted.length, "server")} of ${columns}`;
  };

  const head = () => {
    const row = make("tr");
    row.setAttribute("aria-rowindex", "1");
    row.append(heading("Repository"));
    for (const column of state.wanted) {
      const [name, url, dialect, software, unknown] = data.servers[column];
      const cell = heading("", unknown ? "server down" : "server");
      cell.append(make("span", "", name));
      cell.title = [url, dialect, software, unknown].filter(Boolean).join("\n");
      row.append(cell);
    }
    byId("head").replaceChildren(row);
  };
  const heading = (words, name) => { const cell = make("th", name || "", words); cell.scope = "col"; return cell; };

  // --- drawing: only the rows that can be seen are in the document ----------------------------------
  const scroll = byId("scroll"), body = byId("rows"), grid = byId("grid");
  let height = 28, drawn = [-1, -1];
  const spacer = (rows) => { const row = make("tr"); row.setAttribute("aria-hidden", "true"); row.style.setProperty("height", `${rows * height}px`); return row; };
  const paint = (anew) => {
    const first = Math.max(0, Math.floor(scroll.scrollTop / height) - 10);
    const last = Math.min(state.rows.length, Math.ceil((scroll.scrollTop + Math.max(scroll.clientHeight, 400)) / height) + 10);
    if (!anew && drawn[0] === first && drawn[1] === last) return;
    drawn = [first, last];
    const focused = body.contains(document.activeElement);
    const rows = [];
    if (first > 0) rows.push(spacer(first));
    for (let index = first; index < last; index++) rows.push(line(index));
    if (last < state.rows.length) rows.push(spacer(state.rows.length - last));
    body.replaceChildren(...rows);
    grid.setAttribute("aria-rowcount", state.rows.length + 1);
    grid.setAttribute("aria-colcount", state.wanted.length + 1);
    if (focused) focus(false);
  };
  const line = (index) => {
    const members = state.rows[index], row = make("tr");
    row.setAttribute("aria-rowindex", index + 2);
    const name = data.repositories[members[0]][0];
    const label = make("th", "", members.length > 1 ? `${name} and ${members.length - 1} alike` : name);
    label.scope = "row"; label.title = members.slice(0, 40).map((member) => data.repositories[member][0]).join("\n");
    row.append(label);
    state.wanted.forEach((column, place) => row.append(square(members, index, column, place)));
    return row;
  };
  const square = (members, index, column, place) => {
    const mark = data.marks[markAt(members[0], column)];
    const number = members.reduce((sum, member) => sum + (numbers[member].get(column) || 0), 0);
    const cell = make("td");
    cell.setAttribute("role", "gridcell");
    cell.tabIndex = index === state.row && place === state.column ? 0 : -1;
    cell.dataset.row = index; cell.dataset.place = place;
    const reason = why[members[0]].get(column);
    const told = [data.repositories[members[0]][0] + " on " + data.servers[column][0] + ": " + mark[1]];
    if (number) told.push(plural(number, "change"));
    if (reason) told.push(text(reason));
    cell.setAttribute("aria-label", told.join(", "));
    if (index === state.chosenRow && place === state.chosenPlace) cell.className = "chosen";
    cell.append(make("span", mark[2], mark[0] === " " ? "" : mark[0] + (number || "")));
    return cell;
  };

  // --- moving ------------------------------------------------------------------------------------
  const at = () => body.querySelector(`[data-row="${state.row}"][data-place="${state.column}"]`);
  const focus = (follow) => {
    if (follow) {
      const top = state.row * height, header = byId("head").offsetHeight;
      if (top < scroll.scrollTop) scroll.scrollTop = top;
      if (top + height + header > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + height + header - scroll.clientHeight;
      paint(false);
    }
    body.querySelectorAll("[tabindex='0']").forEach((cell) => { cell.tabIndex = -1; });
    const cell = at();
    if (cell) { cell.tabIndex = 0; cell.focus({ preventScroll: !follow }); if (follow) cell.scrollIntoView({ block: "nearest", inline: "nearest" }); }
  };
  const page = () => Math.max(1, Math.floor(scroll.clientHeight / height) - 2);
  const moves = {
    ArrowUp: () => { state.row -= 1; }, ArrowDown: () => { state.row += 1; },
    ArrowLeft: () => { state.column -= 1; }, ArrowRight: () => { state.column += 1; },
    PageUp: () => { state.row -= page(); }, PageDown: () => { state.row += page(); },
    Home: (event) => { state.column = 0; if (event.ctrlKey) state.row = 0; },
    End: (event) => { state.column = Infinity; if (event.ctrlKey) state.row = Infinity; },
  };
  grid.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); byId("cell").focus(); return; }
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move(event);
    state.row = Math.max(0, Math.min(state.rows.length - 1, state.row));
    state.column = Math.max(0, Math.min(state.wanted.length - 1, state.column));
    focus(true);
  });
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest("[role=gridcell]");
    if (!cell) return;
    state.row = Number(cell.dataset.row); state.column = Number(cell.dataset.place);
    choose(); focus(false);
  });
  byId("cell").addEventListener("keydown", (event) => { if (event.key === "Escape") focus(true); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !["INPUT", "SELECT"].includes(document.activeElement.tagName)) { event.preventDefault(); byId("filter").focus(); }
  });
  byId("filter").addEventListener("keydown", (event) => { if (event.key === "Escape") { event.target.value = ""; state.words = ""; select(); } });

  // --- one cell ----------------------------------------------------------------------------------
  const choose = () => {
    if (!state.rows.length || !state.wanted.length) return;
    state.chosenRow = state.row; state.chosenPlace = state.column;
    body.querySelectorAll(".chosen").forEach((cell) => { cell.className = ""; });
    const cell = at();
    if (cell) cell.className = "chosen";
    show(state.rows[state.row], state.wanted[state.column]);
  };
  const show = (members, column) => {
    const row = members[0], panel = byId("cell"), mark = data.marks[markAt(row, column)];
    const [name, coordinate, refs, events] = data.repositories[row];
    const [server, url, dialect, software, unknown] = data.servers[column];
    const title = make("h3", "title", `${name} on ${server}`);
    const status = make("p"); status.append(make("span", `chip ${mark[2]}`, mark[0]), ` ${mark[1]}`);
    const reason = why[row].get(column);
    if (reason) status.append(`: ${text(reason)}`);
    const parts = [title, status];
    if (members.length > 1) parts.push(make("p", "", `${members.length - 1} more are alike: ${members.slice(1, 30).map((member) => data.repositories[member][0]).join(", ")}${members.length > 30 ? " …" : ""}`));
    const past = historyOf(row, column) + data.grid[row][column];
    if (past.length > 1) {
      parts.push(make("h3", "", since(past)));
      const track = make("div", "track");
      [...past].forEach((char, index) => {
        const run = data.runs[index], then = data.marks[code(char)];
        const step = make("span", then[2], then[0]);
        step.title = run ? `${short(run[2])} ${run[1]}: ${then[1]}` : `now: ${then[1]}`;
        track.append(step);
      });
      track.setAttribute("role", "img");
      track.setAttribute("aria-label", `the last ${past.length} runs, oldest first: ${[...past].map((char) => data.marks[code(char)][1]).join(", ")}`);
      parts.push(track);
    }
    const holds = holdsOf(row, column);
    if (holds.length) parts.push(make("h3", "", plural(holds.length, "hold")), list(holds.map(([, , word, detail, release, accepted]) => [`${word}${accepted ? " (accepted)" : ""}: ${text(detail)}`, `released when ${text(release)}`])));
    const actions = actionsOf(row, column);
    if (actions.length) parts.push(make("h3", "", plural(actions.length, "action")), list(actions.map(([, , what, result, reason, event, updates]) => [`${text(what)}: ${result}${reason ? `, ${text(reason)}` : ""}`, event, ...updates.map(text)])));
    parts.push(make("h3", "", "Repository"), facts([["coordinate", coordinate], ["state names", plural(refs, "ref")], ["belong to it", plural(events, "event")]]));
    parts.push(make("h3", "", "Server"), facts([["url", url], ["family", dialect], ["software", software], ["unknown", unknown]]));
    panel.replaceChildren(...parts);
  };
  const since = (past) => {
    let same = past.length;
    while (same > 1 && past[same - 2] === past[past.length - 1]) same -= 1;
    const run = data.runs[same - 1];
    return run && same < past.length ? `So since ${short(run[2])}` : `History of ${past.length} runs`;
  };
  const list = (items) => {
    const found = make("ul");
    for (const [first, ...others] of items) {
      const item = make("li", "", first);
      for (const other of others) if (other) item.append(make("code", "refs", other));
      found.append(item);
    }
    return found;
  };
  const facts = (items) => list(items.filter((item) => item[1]).map(([name, value]) => [`${name}: ${value}`]));

  // --- the rest of the page ------------------------------------------------------------------------
  const counts = new Array(data.marks.length).fill(0);
  for (const row of data.grid) for (const char of row) counts[code(char)] += 1;
  data.marks.forEach(([symbol, word, name], number) => {
    if (!counts[number] || number === NONE) return;
    const button = make("button", "mark");
    button.type = "button"; button.setAttribute("aria-pressed", "false");
    button.append(make("span", `chip ${name}`, symbol), `${word} ${counts[number].toLocaleString("en")}`);
    button.addEventListener("click", () => {
      const on = !state.picked.has(number);
      if (on) state.picked.add(number); else state.picked.delete(number);
      button.setAttribute("aria-pressed", String(on));
      scroll.scrollTop = 0; select();
    });
    byId("marks").append(button);
  });
  let waiting = 0;
  byId("filter").addEventListener("input", (event) => { clearTimeout(waiting); waiting = setTimeout(() => { state.words = event.target.value; scroll.scrollTop = 0; select(); }, 80); });
  byId("alike").addEventListener("change", (event) => { state.alike = event.target.checked; scroll.scrollTop = 0; select(); });
  byId("order").addEventListener("change", (event) => { state.order = event.target.value; scroll.scrollTop = 0; select(); });
  scroll.addEventListener("scroll", () => paint(false), { passive: true });
  addEventListener("resize", () => paint(false));

  const runs = [...data.runs.map((run, index) => [run, data.tally[index]]), [null, counts]];
  if (runs.length > 1) {
    for (const [run, tally] of runs) {
      const item = make("li", run ? "" : "now"), stack = make("div", "stack");
      const total = tally.reduce((sum, count, number) => sum + (number === NONE ? 0 : count), 0) || 1;
      const words = [];
      tally.forEach((count, number) => {
        if (!count || number === NONE) return;
        const part = make("i", data.marks[number][2]);
        part.style.setProperty("flex", `${count / total} 0 0`);
        stack.append(part);
        words.push(`${data.marks[number][1]} ${count}`);
      });
      const told = `${run ? `${short(run[2])} ${run[1]}, exit code ${run[3]}` : "this run"}: ${words.join(", ")}`;
      stack.setAttribute("role", "img"); stack.setAttribute("aria-label", told); stack.title = told;
      item.append(stack, run ? `${run[3]}` : "now");
      byId("runs").append(item);
    }
    byId("timeline").hidden = false;
  }
  const blocks = byId("blocks");
  const block = (title, lines, name) => {
    const found = make("details", name), items = make("ul");
    found.append(make("summary", "", `${title}: ${lines.length}`), items);
    for (const [symbol, words, who] of lines) {
      const item = make("li"), told = make("p", "", words);
      if (who.length) told.append(make("small", "", ` ${who.join(", ")}`));
      item.append(make("span", `chip ${(data.marks.find((mark) => mark[0] === symbol) || ["", "", "sign"])[2]}`, symbol), told);
      items.append(item);
    }
    found.open = lines.length <= 12;
    blocks.append(found);
  };
  if (data.refusals.length) block("Guards", data.refusals.map(([guard, verdict, words, accept]) => ["!", `${guard} ${verdict}: ${words}`, [`--accept ${accept}`]]), "guard");
  for (const [title, lines] of data.blocks) block(title, lines, "");
  if (data.notes.length) block("Notes", data.notes.map((note) => [":", note, []]), "");
  if (data.left) blocks.append(make("p", "shown", `${data.left} more actions stand in the JSON document only.`));
  blocks.hidden = !blocks.childElementCount;

  const busy = (data.busy || []).map((seconds, column) => [data.servers[column][0], seconds, "server"]).filter((bar) => bar[1] > 0);
  const bars = [...data.stages.map(([name, seconds]) => [name, seconds, "stage"]), ...busy];
  const longest = Math.max(0.001, ...bars.map((bar) => bar[1]));
  for (const [name, seconds, kind] of bars) {
    const bar = make("div", kind), length = make("i");
    length.style.setProperty("width", `${(100 * seconds) / longest}%`);
    bar.append(make("span", "", kind === "server" ? `writing to ${name}` : name), length, make("b", "", `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`));
    byId("bars").append(bar);
  }
  byId("stages").hidden = !bars.length;

  byId("fleet").hidden = false;
  select();
  const sample = body.querySelector("tr:not([aria-hidden])");
  if (sample && sample.offsetHeight) { height = sample.offsetHeight; paint(true); }
  const worst = state.rows.findIndex(([row]) => weight[row] < SYNC);
  if (worst >= 0) { state.row = worst; state.column = Math.max(0, state.wanted.findIndex((column) => markAt(state.rows[worst][0], column) === weight[state.rows[worst][0]])); choose(); scroll.scrollTop = Math.max(0, worst * height - 60); paint(true); }
  document.documentElement.dataset.ready = "yes";
})();
