"use strict";
(() => {
  const byId = (id) => document.getElementById(id);

  const copy = async (button) => {
    const pre = button.parentElement.querySelector("pre");
    let done = true;
    try {
      await navigator.clipboard.writeText(pre.textContent);
    } catch {
      getSelection().selectAllChildren(pre);
      done = document.execCommand("copy");
    }
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    setTimeout(() => {
      button.textContent = "Copy";
    }, 2000);
  };
  document.querySelectorAll(".copy").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  });

  if (!byId("drawn")) {
    return;
  }
  const { units, accounts, regions, kinds, reasons, targets, empty } = JSON.parse(byId("data").textContent);
  const [scroller, grid, heads, body] = ["scroller", "grid", "heads", "rows"].map(byId);
  const [detail, chosen, shownLine] = ["detail", "chosen", "shown"].map(byId);
  const [byCause, byOwner, byStatus, byText] = ["by-cause", "by-owner", "by-status", "by-text"].map(byId);
  const numbers = new Intl.NumberFormat("en-US");
  const count = (n, one, many) => `${numbers.format(n)} ${n === 1 ? one : many}`;

  /** An element with attributes and children; a string becomes text, never markup. */
  const element = (name, attributes, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  };
  const mark = (kind) => element("span", { class: `mark ${kind ? kind.mark.class : "none"}` }, kind ? kind.mark.text : "");

  // Targets of each cell, those that did not succeed first.
  const cells = new Map();
  targets.forEach(([account, region, kind], target) => {
    const key = account * regions.length + region;
    const known = cells.get(key);
    if (!known) {
      cells.set(key, [target]);
    } else if (kinds[kind].ok) {
      known.push(target);
    } else {
      known.unshift(target);
    }
  });
  const targetsOf = (account, region) => cells.get(account * regions.length + region) ?? [];

  const unitName = ({ id, name }) => (name && id ? `${name} (${id})` : (name ?? id ?? "No organizational unit"));
  const accountName = ({ id, name }) => (name && id ? `${name} (${id})` : (name ?? id ?? "(no account)"));

  // What the text filter looks at, in lower case.
  const lower = (texts) => texts.map((text) => text.toLowerCase());
  const accountTexts = lower(accounts.map((account) => `${accountName(account)}\n${unitName(units[account.unit])}`));
  const regionTexts = lower(regions);
  const reasonTexts = lower(reasons);

  // Rows of the grid after the filter: units, and their accounts.
  let rows = [];
  const rowOf = new Array(accounts.length).fill(-1);
  const matches = new Uint8Array(targets.length);
  // Elements by their row.
  const drawn = new Map();
  // The one cell that the tab key reaches.
  let active = null;
  let height = 40;

  const filter = () => {
    const [cause, owner, status] = [byCause.value, byOwner.value, byStatus.value];
    const text = byText.value.trim().toLowerCase();
    const isKind = kinds.map(
      (kind) =>
        (!cause || kind.cause === cause) && (!owner || kind.owners.includes(owner)) && (!status || kind.status === status),
    );
    const has = (texts) => texts.map((candidate) => candidate.includes(text));
    const [isAccount, isRegion, isReason] = [accountTexts, regionTexts, reasonTexts].map(has);
    const found = new Array(accounts.length).fill(0);
    const troubled = new Array(accounts.length).fill(0);
    let all = 0;
    targets.forEach(([account, region, kind, reason], target) => {
      const isText = !text || isAccount[account] || isRegion[region] || (reason !== null && isReason[reason]);
      const isMatch = isKind[kind] && isText;
      matches[target] = isMatch ? 1 : 0;
      if (isMatch) {
        found[account] += 1;
        troubled[account] += kinds[kind].ok ? 0 : 1;
        all += 1;
      }
    });
    rows = [];
    rowOf.fill(-1);
    let of = null;
    let listed = 0;
    accounts.forEach((account, number) => {
      if (found[number] === 0) {
        return;
      }
      if (of === null || of.unit !== account.unit) {
        of = { unit: account.unit, accounts: 0, targets: 0, troubled: 0 };
        rows.push(of);
      }
      of.accounts += 1;
      of.targets += found[number];
      of.troubled += troubled[number];
      rowOf[number] = rows.length;
      rows.push({ account: number });
      listed += 1;
    });
    const every = all === targets.length;
    shownLine.textContent = every
      ? `${count(all, "target", "targets")} in ${count(accounts.length, "account", "accounts")}`
      : all === 0
        ? "No target matches."
        : `${numbers.format(all)} of ${count(targets.length, "target", "targets")}, in ${numbers.format(listed)} of ${count(accounts.length, "account", "accounts")}`;
    if (active === null || rowOf[active.account] < 0) {
      const first = rows.find((row) => row.account !== undefined);
      active = first ? { account: first.account, region: active ? active.region : 0 } : null;
      hide();
    }
    redraw();
  };

  const redraw = () => {
    drawn.forEach((row) => row.remove());
    drawn.clear();
    body.style.height = `${rows.length * height}px`;
    grid.setAttribute("aria-rowcount", rows.length + 1);
    draw();
  };

  const unitRow = ({ unit, accounts, targets, troubled }) => {
    const { id, name } = units[unit];
    const label = [
      name ?? unitName(units[unit]),
      count(accounts, "account", "accounts"),
      troubled > 0 ? `${count(troubled, "target", "targets")} did not succeed` : count(targets, "target", "targets"),
      ...(name && id ? [id] : []),
    ].join(" · ");
    const attributes = { class: "unit", role: "rowheader", "aria-colindex": 1, "aria-colspan": regions.length + 1 };
    return element("div", { class: "row", role: "row" }, element("div", attributes, element("span", {}, label)));
  };

  const accountRow = (number) => {
    const account = accounts[number];
    const lines = [];
    if (account.name) {
      lines.push(element("span", { class: "name" }, account.name));
    }
    lines.push(element("span", { class: "id" }, account.id ?? "(no account)"));
    const head = { class: "account", role: "rowheader", "aria-colindex": 1, title: accountName(account) };
    const row = element("div", { class: "row", role: "row" }, element("div", head, ...lines));
    regions.forEach((region, at) => {
      const found = targetsOf(number, at);
      const best = found.find((target) => matches[target]) ?? found[0];
      const kind = best === undefined ? null : kinds[targets[best][2]];
      const is = kind === null ? empty : [kind.status, kind.cause].filter(Boolean).join(", ");
      const isActive = active !== null && active.account === number && active.region === at;
      const cell = element(
        "div",
        {
          class: found.some((target) => matches[target]) || found.length === 0 ? "cell" : "cell dim",
          role: "gridcell",
          tabindex: isActive ? 0 : -1,
          "aria-colindex": at + 2,
          "aria-label": `${accountName(account)}, ${region}: ${is}`,
          "aria-selected": isActive && !detail.hidden,
          "data-account": number,
          "data-region": at,
        },
        mark(kind),
      );
      row.append(cell);
    });
    return row;
  };

  /** Draws the rows that can be seen, and that of the active cell, so that the focus is never lost. */
  const draw = () => {
    const spare = 6;
    const first = Math.max(0, Math.floor(scroller.scrollTop / height) - spare);
    const last = Math.min(rows.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / height) + spare);
    const wanted = new Set();
    for (let row = first; row < last; row += 1) {
      wanted.add(row);
    }
    if (active !== null) {
      wanted.add(rowOf[active.account]);
    }
    drawn.forEach((row, number) => {
      if (!wanted.has(number)) {
        row.remove();
        drawn.delete(number);
      }
    });
    let next = null;
    for (const number of [...wanted].sort((a, b) => b - a)) {
      let row = drawn.get(number);
      if (!row) {
        row = rows[number].account === undefined ? unitRow(rows[number]) : accountRow(rows[number].account);
        row.setAttribute("aria-rowindex", number + 2);
        row.style.top = `${number * height}px`;
        body.insertBefore(row, next);
        drawn.set(number, row);
      }
      next = row;
    }
  };

  const cellOf = (at) => at && body.querySelector(`[data-account="${at.account}"][data-region="${at.region}"]`);

  const select = (at) => {
    const before = cellOf(active);
    if (before) {
      before.tabIndex = -1;
      before.setAttribute("aria-selected", "false");
    }
    active = at;
    draw();
    const cell = cellOf(active);
    cell.tabIndex = 0;
    cell.setAttribute("aria-selected", String(!detail.hidden));
    return cell;
  };

  const move = (account, region) => {
    const cell = select({ account, region });
    cell.focus({ preventScroll: true });
    if (!detail.hidden) {
      show();
    }
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  /** What there is to say of the active cell. */
  const show = () => {
    const { account, region } = active;
    // Shown first: what changes in it is then announced.
    detail.hidden = false;
    detail.scrollTop = 0;
    chosen.replaceChildren(element("h3", {}, `${accountName(accounts[account])}, ${regions[region]}`));
    const found = targetsOf(account, region);
    if (found.length === 0) {
      chosen.append(element("p", {}, `${empty[0].toUpperCase()}${empty.slice(1)}.`));
    }
    for (const target of found) {
      const [, , number, reason] = targets[target];
      const kind = kinds[number];
      const head = element("p", {}, mark(kind), element("strong", {}, kind.status));
      if (kind.cause) {
        head.append(" ", element("code", {}, kind.cause));
      }
      chosen.append(head);
      if (kind.title) {
        chosen.append(element("p", {}, [`${kind.title}.`, kind.step].filter(Boolean).join(" ")));
      }
      const who = [kind.owners.join(" or "), kind.retry].filter(Boolean).map((text) => `${text}.`);
      if (who.length > 0) {
        chosen.append(element("p", { class: "muted" }, who.join(" ")));
      }
      if (reason !== null) {
        chosen.append(element("blockquote", {}, reasons[reason]));
      } else if (!kind.ok) {
        chosen.append(element("p", { class: "muted" }, "No reason given."));
      }
    }
    cellOf(active)?.setAttribute("aria-selected", "true");
    // The page can be scrolled so far that the panel hides no cell.
    const panel = Math.ceil(innerHeight - detail.getBoundingClientRect().top) + 8;
    document.body.style.paddingBottom = `${panel}px`;
    document.documentElement.style.scrollPaddingBottom = `${panel}px`;
  };

  const hide = () => {
    detail.hidden = true;
    document.body.style.paddingBottom = "";
    document.documentElement.style.scrollPaddingBottom = "";
    cellOf(active)?.setAttribute("aria-selected", "false");
  };

  /** The account `by` rows on, or the nearest to there: rows of units are passed over. */
  const accountAt = (row, by) => {
    const target = Math.min(Math.max(row + by, 0), rows.length - 1);
    for (const step of [Math.sign(by), -Math.sign(by)]) {
      for (let at = target; at >= 0 && at < rows.length; at += step) {
        if (rows[at].account !== undefined) {
          return rows[at].account;
        }
      }
    }
    return rows[row].account;
  };

  const keys = (event) => {
    if (active === null || event.altKey || event.metaKey || !event.target.closest(".cell")) {
      return;
    }
    const { account, region } = active;
    const row = rowOf[account];
    const page = Math.max(1, Math.floor(scroller.clientHeight / height) - 3);
    const end = regions.length - 1;
    const to = {
      ArrowUp: () => move(accountAt(row, -1), region),
      ArrowDown: () => move(accountAt(row, 1), region),
      ArrowLeft: () => move(account, Math.max(0, region - 1)),
      ArrowRight: () => move(account, Math.min(end, region + 1)),
      PageUp: () => move(accountAt(row, -page), region),
      PageDown: () => move(accountAt(row, page), region),
      Home: () => move(event.ctrlKey ? accountAt(row, -rows.length) : account, 0),
      End: () => move(event.ctrlKey ? accountAt(row, rows.length) : account, end),
      Enter: show,
      " ": show,
    }[event.key];
    if (to) {
      event.preventDefault();
      to();
    }
  };

  /** Regions as wide as there is room; their names stand upright where they would not fit. */
  const fit = () => {
    const em = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const seen = scroller.parentElement.clientWidth - 2;
    const account = Math.min(16 * em, Math.max(8.75 * em, seen * 0.3));
    const cell = Math.min(9 * em, Math.max(2.25 * em, Math.floor((seen - em - account) / regions.length)));
    height = Math.round(2.5 * em);
    grid.classList.toggle("narrow", cell < 7 * em);
    const set = { "--account": `${account}px`, "--cell": `${cell}px`, "--seen": `${seen}px`, "--row": `${height}px` };
    Object.entries(set).forEach(([name, value]) => grid.style.setProperty(name, value));
    scroller.style.scrollPadding = `${heads.offsetHeight}px 0 0 ${account}px`;
    redraw();
  };

  const clear = () => {
    [byCause, byOwner, byStatus, byText].forEach((input) => {
      input.value = "";
    });
    filter();
  };

  const head = element("div", { class: "row", role: "row", "aria-rowindex": 1 });
  head.append(element("div", { class: "corner", role: "columnheader", "aria-colindex": 1 }, "Account"));
  regions.forEach((region, at) => {
    const attributes = { class: "region", role: "columnheader", "aria-colindex": at + 2, title: region };
    head.append(element("div", attributes, element("span", {}, region)));
  });
  heads.append(head);
  grid.setAttribute("aria-colcount", regions.length + 1);
  grid.style.setProperty("--regions", regions.length);
  byId("drawn").hidden = false;
  byId("undrawn").hidden = true;
  document.querySelectorAll(".only").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => {
      clear();
      byCause.value = button.dataset.cause;
      filter();
      byId("matrix").scrollIntoView();
      byCause.focus({ preventScroll: true });
    });
  });

  let frame = 0;
  scroller.addEventListener("scroll", () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  });
  addEventListener("resize", fit);
  [byCause, byOwner, byStatus, byText].forEach((input) => input.addEventListener("input", filter));
  byId("clear").addEventListener("click", clear);
  grid.addEventListener("keydown", keys);
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) {
      detail.hidden = false;
      move(Number(cell.dataset.account), Number(cell.dataset.region));
    }
  });
  const close = () => {
    hide();
    cellOf(active)?.focus({ preventScroll: true });
  };
  byId("close").addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !detail.hidden) {
      close();
    }
  });
  filter();
  fit();
})();
