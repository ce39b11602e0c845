"use strict";
// The page's controls: what a user does becomes a property of the shared state, what the program answers becomes text.
// Images are drawn by Bokeh; values are read from the codes that it draws.
window.m3leo = (() => {
  const byId = (id) => document.getElementById(id);
  const NAMES = { coherence: "coherence", phase: "phase", intensity_first: "first", intensity_second: "second" };
  const DEBOUNCE = 250;
  let state, about, figures, sources, tiles, matrixCursor, cursor, mask;
  let isCovered = false;
  let asked = 0, timer = null, orders = 0, cell = null, pixel = null;

  function start(given) {
    ({ state, figures, sources, tiles, cursor, mask } = given);
    matrixCursor = given.matrix_cursor;
    about = plain(state.about);
    fillControls();
    for (const [name, show] of Object.entries({
      choice: showChoice, busy: showBusy, problems: showProblems, chip_facts: showChip, matrix_facts: showMatrix,
      pixel_facts: showPixel, event_facts: showEvent, snippet: showSnippet, parcel: save,
    })) {
      state.properties[name].change.connect(() => show());
      if (name !== "parcel") show();
    }
    listen();
    paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
    document.documentElement.dataset.ready = "yes";
  }

  // Mappings of the program arrive as Map objects.
  function plain(value) {
    if (value instanceof Map) return Object.fromEntries([...value].map(([key, held]) => [key, plain(held)]));
    return Array.isArray(value) ? value.map(plain) : value;
  }

  const choice = () => plain(state.choice);

  function ask(changes) {
    const wanted = { ...choice(), ...changes };
    if (wanted.first > wanted.second) [wanted.first, wanted.second] = [wanted.second, wanted.first];
    if (wanted.first === wanted.second) {
      byId("matrix-readout").textContent = "A pair needs two different dates.";
      showChoice();
      return;
    }
    asked = performance.now();
    // The number makes a second request for the same maps a change, such as after a fault.
    state.choice = { ...wanted, number: ++orders };
  }

  function later(changes) {
    clearTimeout(timer);
    timer = setTimeout(() => ask(changes()), DEBOUNCE);
  }

  // --- controls ---

  function fillControls() {
    options("tile", about.tiles.map((tile) => [tile, tile]));
    for (const id of ["first", "second"]) options(id, about.dates.map((date, index) => [index, date]));
    options("polarisation", about.polarisations.map((name) => [name, name]));
    byId("polarisation-choice").hidden = about.polarisations.length < 2;
    byId("window-choice").hidden = about.kind === "archive";
    [byId("rows").max, byId("cols").max] = about.largest_window;
    const [begin, end] = [about.dates[0], about.dates[about.dates.length - 1]];
    [byId("event").min, byId("event").max] = [begin, end];
    const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
    byId("source").textContent =
      `${about.name} · ${many(about.dates.length, "date")} from ${begin} to ${end} · ${about.polarisations.join(", ")} · ` +
      many(about.tiles.length, "tile");
    gradient("matrix", "coherence", ["0", "mean coherence", "1"]);
    gradient("coherence", "coherence", ["0", "coherence", "1"]);
    gradient("phase", "phase", ["−π", "0 rad", "π"]);
    for (const layer of ["before", "across", "after"]) gradient(layer, layer, ["0", "coherence", "1"]);
    gradient("change", "change", ["−0.6 gained", "0", "lost 0.6"]);
  }

  function options(id, entries) {
    byId(id).replaceChildren(...entries.map(([value, text]) => new Option(text, value)));
  }

  function gradient(id, figure, texts) {
    const colours = paletteOf(figure).slice(1);
    const some = colours.filter((_, index) => index % 8 === 0 || index === colours.length - 1);
    const bar = document.createElement("i");
    bar.style.background = `linear-gradient(to right, ${some.join(", ")})`;
    const words = document.createElement("span");
    words.append(...texts.map((text) => Object.assign(document.createElement("b"), { textContent: text, style: "font-weight:400" })));
    byId(`key-${id}`).replaceChildren(bar, words);
  }

  function listen() {
    for (const id of ["first", "second"]) byId(id).addEventListener("change", (event) => ask({ [id]: Number(event.target.value) }));
    byId("tile").addEventListener("change", (event) => ask({ tile: event.target.value }));
    byId("polarisation").addEventListener("change", (event) => ask({ polarisation: event.target.value }));
    for (const id of ["rows", "cols"]) {
      byId(id).addEventListener("input", showWindow);
      byId(id).addEventListener("change", () => later(() => ({ rows: Number(byId("rows").value), cols: Number(byId("cols").value) })));
    }
    byId("threshold").addEventListener("input", drawMask);
    byId("event").addEventListener("change", (event) => { state.event = event.target.value || null; });
    byId("save-tif").addEventListener("click", () => { state.order = { layer: byId("layer").value, number: ++orders }; });
    byId("save-png").addEventListener("click", savePng);
    byId("copy").addEventListener("click", copy);
    byId("zoom-in").addEventListener("click", () => zoom(0.5));
    byId("zoom-out").addEventListener("click", () => zoom(2));
    byId("zoom-all").addEventListener("click", () => zoom(Infinity));
    byId("matrix-canvas").addEventListener("keydown", matrixKey);
    byId("maps-canvas").addEventListener("keydown", mapKey);
    byId("tiles-canvas").addEventListener("keydown", tileKey);
  }

  // --- pointer events of the figures ---

  function moved(name, { x, y }) {
    if (name === "matrix") readCell(cellAt(x, y));
    else if (name === "tiles") return;
    else readPixel(pixelAt(x, y));
  }

  function left(name) {
    if (name === "matrix") readCell(null);
  }

  function tapped(name, { x, y }) {
    if (name === "tiles") chooseTile(nearestTile(x, y));
    else if (name === "matrix") chooseCell(cellAt(x, y));
    else choosePixel(pixelAt(x, y));
  }

  // --- tiles ---

  function nearestTile(x, y) {
    const [east, north] = [tiles.get_array("x"), tiles.get_array("y")];
    let best = -1, least = Infinity;
    for (let i = 0; i < about.tiles.length; i++) {
      const far = Math.hypot(east[i] - x, north[i] - y);
      if (far < least) [best, least] = [i, far];
    }
    const half = (tiles.get_array("xs")[best] ?? []).reduce((wide, edge) => Math.max(wide, Math.abs(edge - east[best])), 0);
    return least <= 1.5 * half ? best : -1;
  }

  function chooseTile(index) {
    if (index >= 0) ask({ tile: tiles.get_array("tile")[index] });
  }

  function tileKey(event) {
    const step = arrow(event);
    if (!step) return;
    event.preventDefault();
    const [east, north, names] = [tiles.get_array("x"), tiles.get_array("y"), tiles.get_array("tile")];
    const here = Array.from(names).indexOf(choice().tile);
    let best = -1, least = Infinity;
    for (let i = 0; i < names.length; i++) {
      const [along, aside] = [
        step.x * (east[i] - east[here]) - step.y * (north[i] - north[here]),
        Math.abs(step.y * (east[i] - east[here]) + step.x * (north[i] - north[here])),
      ];
      const cost = along + 2 * aside;
      if (along > aside * 0.5 && cost < least) [best, least] = [i, cost];
    }
    chooseTile(best);
  }

  // --- matrix ---

  function cellAt(x, y) {
    const count = about.dates.length;
    const [col, row] = [Math.floor(x), count - 1 - Math.floor(y)];
    return row >= 0 && col >= 0 && row < count && col < count ? { row, col } : null;
  }

  function readCell(at) {
    cell = at;
    const count = about.dates.length;
    matrixCursor.setv({ data: at ? { x: [at.col + 0.5], y: [count - 0.5 - at.row] } : { x: [], y: [] } }, { sync: false });
    showMatrix();
  }

  function cellText({ row, col }) {
    if (row === col) return `${about.dates[row]}: one date, no pair`;
    const [first, second] = [Math.min(row, col), Math.max(row, col)];
    const code = imageOf("matrix")[(about.dates.length - 1 - row) * about.dates.length + col];
    const facts = plain(state.matrix_facts);
    const known = facts.step !== undefined ? "unknown" : "being computed";
    const mean = code > 0 ? (facts.low + (code - 1) * facts.step).toFixed(2) : known;
    return `${about.dates[first]} → ${about.dates[second]} · ${daysBetween(first, second)} days${baselineText(first, second)} · mean coherence ${mean}`;
  }

  const daysBetween = (first, second) => Math.round((Date.parse(about.dates[second]) - Date.parse(about.dates[first])) / 864e5);

  function baselineText(first, second) {
    if (!about.baselines) return "";
    const metres = about.baselines[second] - about.baselines[first];
    return ` · baseline ${metres.toFixed(0).replace("-", "−")} m`;
  }

  function chooseCell(at) {
    if (at && at.row !== at.col) ask({ first: Math.min(at.row, at.col), second: Math.max(at.row, at.col) });
  }

  function matrixKey(event) {
    const count = about.dates.length;
    const at = cell ?? { row: choice().first, col: choice().second };
    const step = arrow(event);
    if (step) {
      const inside = (value) => Math.min(count - 1, Math.max(0, value));
      readCell({ row: inside(at.row + step.y), col: inside(at.col + step.x) });
    } else if (event.key === "Enter" || event.key === " ") chooseCell(at);
    else return;
    event.preventDefault();
  }

  function arrow({ key }) {
    return { ArrowLeft: { x: -1, y: 0 }, ArrowRight: { x: 1, y: 0 }, ArrowUp: { x: 0, y: -1 }, ArrowDown: { x: 0, y: 1 } }[key];
  }

  // --- maps ---

  const facts = () => plain(state.chip_facts);
  const imageOf = (name) => sources[name].data.image[0];
  const paletteOf = (name) => figures[name].renderers.find((drawn) => drawn.glyph.color_mapper).glyph.color_mapper.palette.map(css);
  const css = (colour) => (typeof colour === "string" ? colour : `#${(colour >>> 0).toString(16).padStart(8, "0")}`);

  function pixelAt(x, y) {
    const { shape, spacing } = facts();
    const [row, col] = [shape[0] - 1 - Math.floor(y / spacing[0]), Math.floor(x / spacing[1])];
    return row >= 0 && col >= 0 && row < shape[0] && col < shape[1] ? { row, col } : null;
  }

  function readPixel(at) {
    if (!at) return;
    const { shape, spacing } = facts();
    pixel = at;
    const place = { x: [(at.col + 0.5) * spacing[1]], y: [(shape[0] - 0.5 - at.row) * spacing[0]] };
    cursor.setv({ data: place }, { sync: false });
    byId("readout").textContent = pixelText(at);
  }

  function pixelText({ row, col }) {
    const { shape, layers, corners } = facts();
    const value = (layer) => {
      const code = imageOf(layer)[(shape[0] - 1 - row) * shape[1] + col];
      return layers[layer] && code > 0 ? layers[layer].low + (code - 1) * layers[layer].step : null;
    };
    const said = (layer, digits, unit) => {
      const held = value(layer);
      return held === null ? "no data" : `${held.toFixed(digits).replace("-", "−")}${unit}`;
    };
    const [down, across] = [(row + 0.5) / shape[0], (col + 0.5) / shape[1]];
    const mix = (axis) =>
      (1 - down) * ((1 - across) * corners[0][axis] + across * corners[1][axis]) + down * ((1 - across) * corners[2][axis] + across * corners[3][axis]);
    const degrees = (held, ends) => `${Math.abs(held).toFixed(4)}° ${held < 0 ? ends[1] : ends[0]}`;
    return (
      `row ${row}, column ${col} (${degrees(mix(1), "NS")}, ${degrees(mix(0), "EW")}) · coherence ${said("coherence", 2, "")} · ` +
      `phase ${said("phase", 2, " rad")} · intensity ${said("intensity_first", 1, " dB")}, then ${said("intensity_second", 1, " dB")}`
    );
  }

  function choosePixel(at) {
    if (!at) return;
    readPixel(at);
    byId("pixel-readout").textContent = `Computing all pairs at row ${at.row}, column ${at.col} …`;
    state.pixel = { ...at, number: ++orders };
  }

  function mapKey(event) {
    const { shape } = facts();
    const at = pixel ?? { row: shape[0] >> 1, col: shape[1] >> 1 };
    const step = arrow(event);
    const far = event.shiftKey ? 20 : 1;
    if (step) {
      const inside = (value, size) => Math.min(size - 1, Math.max(0, value));
      readPixel({ row: inside(at.row + far * step.y, shape[0]), col: inside(at.col + far * step.x, shape[1]) });
    } else if (event.key === "Enter" || event.key === " ") choosePixel(at);
    else if (event.key === "+" || event.key === "=") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else if (event.key === "0") zoom(Infinity);
    else return;
    event.preventDefault();
  }

  function zoom(factor) {
    const { shape, spacing } = facts();
    const { x_range, y_range, toolbar } = figures.coherence;
    const whole = [shape[1] * spacing[1], shape[0] * spacing[0]];
    const middle = pixel
      ? [(pixel.col + 0.5) * spacing[1], (shape[0] - 0.5 - pixel.row) * spacing[0]]
      : [(x_range.start + x_range.end) / 2, (y_range.start + y_range.end) / 2];
    [x_range, y_range].forEach((range, axis) => {
      const size = Math.min(whole[axis], Math.max(whole[axis] / 32, (range.end - range.start) * factor));
      const begin = Math.min(whole[axis] - size, Math.max(0, middle[axis] - size / 2));
      range.setv({ start: begin, end: begin + size }, { sync: false });
    });
    // Where the whole tile is shown, a finger that is drawn over it scrolls the page.
    const inside = x_range.end - x_range.start < 0.999 * whole[0];
    for (const { toolbar } of mapFigures()) for (const tool of toolbar.tools) if (tool.type === "PanTool") tool.setv({ active: inside }, { sync: false });
  }

  const mapFigures = () => [...Object.keys(NAMES), "before", "across", "after", "change"].map((name) => figures[name]);

  function drawMask() {
    const least = Number(byId("threshold").value);
    byId("threshold-value").textContent = least > 0 ? least.toFixed(2) : "(off)";
    const held = plain(state.chip_facts).layers?.coherence;
    const [codes, covered] = [imageOf("coherence"), mask.data.image[0]];
    if (!held || codes.length !== covered.length) return;
    // Without a threshold there is nothing to draw anew.
    if (least === 0 && !isCovered) return;
    isCovered = least > 0;
    const limit = least > 0 ? 1 + (least - held.low) / held.step : 0;
    for (let i = 0; i < codes.length; i++) covered[i] = codes[i] > 0 && codes[i] < limit ? 1 : 0;
    mask.change.emit();
  }

  // --- answers ---

  function showChoice() {
    showMatrix();
    if (!state.choice) return;
    const { tile, first, second, rows, cols, polarisation } = choice();
    Object.entries({ tile, first, second, rows, cols, polarisation }).forEach(([id, value]) => { byId(id).value = value; });
    showWindow();
  }

  function showWindow() {
    ["rows", "cols"].forEach((id, axis) => {
      const size = Number(byId(id).value);
      const metres = about.spacing ? `, ${(size * about.spacing[axis]).toFixed(0)} m` : "";
      byId(`${id}-value`).textContent = `${size} sample${size === 1 ? "" : "s"}${metres}`;
    });
  }

  function showBusy() {
    const names = state.busy;
    byId("busy").classList.toggle("on", names.length > 0);
    byId("busy").textContent = names.length ? `Computing: ${names.join(", ")}` : "Ready";
    document.documentElement.dataset.busy = names.length ? "yes" : "no";
  }

  function showProblems() {
    const lines = Object.entries(plain(state.problems)).map(([name, text]) =>
      Object.assign(document.createElement("p"), { textContent: `${name[0].toUpperCase()}${name.slice(1)}: ${text}` }));
    byId("problems").replaceChildren(...lines);
    if (plain(state.problems)["pixel over time"]) byId("pixel-readout").textContent = "This pixel could not be computed.";
  }

  function showChip() {
    const { dates, days, layers, seconds, hits, tile, first, second, rows, cols } = facts();
    if (!dates) return;
    byId("maps-title").textContent = `The pair ${dates[0]} → ${dates[1]}, ${days} day${days === 1 ? "" : "s"}`;
    byId("title-intensity_first").textContent = `Intensity ${dates[0]}`;
    byId("title-intensity_second").textContent = `Intensity ${dates[1]}`;
    for (const layer of ["intensity_first", "intensity_second"]) {
      const held = layers[layer];
      const [low, high] = held ? [held.low, held.low + 254 * held.step].map((value) => value.toFixed(1).replace("-", "−")) : ["", ""];
      gradient(layer, layer, [low, "dB", high]);
    }
    byId("maps-canvas").classList.toggle("pending", !layers.coherence);
    if (layers.coherence) drawMask();
    if (pixel) byId("readout").textContent = pixelText(pixel);
    byId("timing").textContent = layers.coherence ? timing(seconds, hits) : "";
    if (layers.coherence) document.documentElement.dataset.shown = [tile, first, second, rows, cols].join(" ");
  }

  function timing(seconds, hits) {
    const parts = { read: "reading", kernel: "coherence", warp: "resampling to the tile" };
    const taken = Object.values(seconds).reduce((sum, one) => {
      for (const [part, value] of Object.entries(one)) sum[part] = (sum[part] ?? 0) + value;
      return sum;
    }, {});
    const click = asked ? `Shown ${Math.round(performance.now() - asked)} ms after the click. ` : "";
    if (Object.values(hits).every(Boolean)) return `${click}The maps were in memory.`;
    const told = Object.entries(taken).map(([part, value]) => `${parts[part] ?? part} ${(1000 * value).toFixed(value < 0.01 ? 1 : 0)} ms`);
    return `${click}Time went to: ${told.join(", ")}.`;
  }

  function showMatrix() {
    if (!state.choice) return;
    const { first, second } = choice();
    byId("matrix-readout").textContent = cellText(cell ?? { row: first, col: second });
  }

  function showPixel() {
    const { row, col, pairs, valid, rho_inf, tau, rmse } = plain(state.pixel_facts);
    byId("pixel-panel").hidden = row === undefined;
    if (row === undefined) {
      byId("pixel-readout").textContent = "Click a pixel of a map.";
      return;
    }
    const fit = rho_inf === null || rho_inf === undefined
      ? "Too few pairs with data for a decay."
      : `Fitted decay: falls towards ${rho_inf.toFixed(2)}, to 1/e of the way in ${tau.toFixed(0)} days; spread of the pairs about it ±${rmse.toFixed(2)} (shaded). Grey bars: the middle two thirds of the pairs of equal days.`;
    byId("pixel-readout").textContent = `Row ${row}, column ${col}: ${valid} of ${pairs} pairs with data. ${fit}`;
  }

  function showEvent() {
    const { pairs, words } = plain(state.event_facts);
    byId("event-canvas").hidden = !words;
    byId("event-readout").textContent = words ?? "";
    for (const name of ["before", "across", "after"]) byId(`dates-${name}`).textContent = pairs?.[name] ?? "";
  }

  function showSnippet() {
    byId("snippet").textContent = state.snippet;
  }

  // --- files ---

  function save() {
    const { name, type, content } = plain(state.parcel);
    if (name) download(name, new Blob([content], { type }));
  }

  function savePng() {
    const layer = byId("layer").value;
    const { shape, dates, tile } = facts();
    const canvas = Object.assign(document.createElement("canvas"), { width: shape[1], height: shape[0] });
    const context = canvas.getContext("2d");
    const image = context.createImageData(shape[1], shape[0]);
    const colours = paletteOf(layer).map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
    const [codes, covered] = [imageOf(layer), mask.data.image[0]];
    const isMasked = layer === "coherence" || layer === "phase";
    for (let i = 0; i < codes.length; i++) {
      const to = 4 * ((shape[0] - 1 - Math.floor(i / shape[1])) * shape[1] + (i % shape[1]));
      const shown = isMasked && covered[i] ? [125, 130, 138] : colours[codes[i]];
      image.data.set([...shown, codes[i] > 0 ? 255 : 0], to);
    }
    context.putImageData(image, 0, 0);
    const pair = dates.map((date) => date.replaceAll("-", "")).join("_");
    canvas.toBlob((blob) => download(`${tile}_${layer}_${pair}.png`, blob), "image/png");
  }

  function download(name, blob) {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText(byId("snippet").textContent);
      byId("copied").textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(byId("snippet"));
      byId("copied").textContent = "The browser does not let this page copy: press Ctrl+C.";
    }
    setTimeout(() => { byId("copied").textContent = ""; }, 4000);
  }

  function lost() {
    byId("problems").replaceChildren(Object.assign(document.createElement("p"), {
      textContent: "The program behind this page has ended. Start m3leo-sar view again.",
    }));
  }

  // --- colours of text on canvases, which style sheets do not reach ---

  function paint() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const quietly = { sync: false };
    for (const plot of Object.values(figures)) {
      for (const axis of [...plot.below, ...plot.left].filter((panel) => panel.type.endsWith("Axis"))) {
        axis.setv({ axis_label_text_color: colour("text"), major_label_text_color: colour("text"), axis_line_color: colour("edge"),
          major_tick_line_color: colour("edge"), minor_tick_line_color: null, axis_label_text_font_style: "normal" }, quietly);
      }
      for (const grid of plot.center.filter((panel) => panel.type === "Grid")) grid.setv({ grid_line_color: colour("line") }, quietly);
      for (const box of plot.center.filter((panel) => panel.name === "blank")) {
        box.setv({ fill_color: colour("blank"), hatch_color: colour("hatch") }, quietly);
      }
      plot.setv({ outline_line_color: plot.outline_line_color === null ? null : colour("line") }, quietly);
    }
  }

  return { start, moved, left, tapped, lost };
})();
