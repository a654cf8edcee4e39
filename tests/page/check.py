"""Uses the pages as people do, in headless Chromium: `check.py BROWSER DIRECTORY`.

Every page is watched: an error on the console, a request, a dialog or a script of somebody else's fails the check.
"""

import contextlib
import io
import os
import pathlib
import sys

from PIL import Image
from playwright.sync_api import sync_playwright

BROWSER, DIRECTORY = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
IMAGES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "images"
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
ALL = ["small", "large", "hostile", "failures-only", "in-progress", "empty"]


def equal(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


@contextlib.contextmanager
def opened(browser, name, viewport=DESKTOP, **options):
    """A page; it must have been quiet when it is closed."""
    context = browser.new_context(viewport=viewport, **options)
    page = context.new_page()
    url = (DIRECTORY / f"page-{name}.html").as_uri()
    seen = []
    page.on("console", lambda message: seen.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (seen.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: seen.append(f"request: {request.url}") if request.url != url else None)
    page.goto(url)
    yield page
    equal(page.evaluate("window.hacked"), None)
    equal(seen, [])
    context.close()


def scrolls_sideways(page):
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


def shown(page):
    return page.inner_text("#shown")


def chosen(page):
    return page.inner_text("#chosen") if page.is_visible("#detail") else None


def marks(page):
    """Marks of the cells that match, as far as they are drawn."""
    return page.eval_on_selector_all("#rows .cell:not(.dim) .mark", "all => all.map(mark => mark.textContent)")


def focused(page):
    return page.evaluate("document.activeElement.getAttribute('aria-label')")


def every_page_fits(browser):
    for name in ALL:
        for viewport in (PHONE, DESKTOP, {"width": 320, "height": 640}):
            for scheme in ("light", "dark"):
                with opened(browser, name, viewport, color_scheme=scheme) as page:
                    assert not scrolls_sideways(page), f"{name} {viewport} scrolls sideways"


def the_first_screen_answers(browser):
    for viewport in (PHONE, DESKTOP):
        with opened(browser, "small", viewport) as page:
            for text in ("UPDATE of security-baseline failed", "39 of 300 targets failed", "Platform team",
                         "Exempt the execution role in the policy that denies", "Now: 1 command for 3 targets"):
                box = page.get_by_text(text).first.bounding_box()
                assert box["y"] + box["height"] <= viewport["height"], f"{text} is not on the first screen"


def filters(browser):
    with opened(browser, "small") as page:
        equal(shown(page), "300 targets in 60 accounts")
        page.select_option("#by-cause", "EXECUTION_ROLE_NOT_ASSUMABLE")
        equal(shown(page), "15 of 300 targets, in 3 of 60 accounts")
        equal(set(marks(page)), {"B"})
        page.click("#clear")
        equal(shown(page), "300 targets in 60 accounts")

        page.select_option("#by-owner", "Account owners")
        equal(shown(page), "11 of 300 targets, in 9 of 60 accounts")
        page.select_option("#by-owner", "No fix needed")
        equal(shown(page).split(",")[0], "48 of 300 targets")
        page.click("#clear")

        page.select_option("#by-status", "CANCELLED")
        equal(set(marks(page)), {"–"})
        equal(shown(page).split(",")[0], "45 of 300 targets")
        page.click("#clear")

        # A name, an account, a reason, a Region; in any case.
        page.fill("#by-text", "PROD-LEDGER")
        equal(shown(page), "15 of 300 targets, in 3 of 60 accounts")
        page.fill("#by-text", "412669691833")
        equal(shown(page).split(",")[0], "5 of 300 targets")
        page.fill("#by-text", "more buckets than")
        equal(shown(page), "1 of 300 targets, in 1 of 60 accounts")
        page.fill("#by-text", "me-south-1")
        equal(shown(page), "60 of 300 targets, in 60 of 60 accounts")
        page.fill("#by-text", "nothing has this")
        equal(shown(page), "No target matches.")
        equal(page.locator("#rows .row").count(), 0)
        page.click("#clear")

        # All at once.
        page.select_option("#by-status", "FAILED")
        page.select_option("#by-owner", "Platform team")
        page.select_option("#by-cause", "SCP_EXPLICIT_DENY")
        page.fill("#by-text", "payments")
        equal(shown(page), "2 of 300 targets, in 2 of 60 accounts")
        page.click("#clear")
        equal(shown(page), "300 targets in 60 accounts")
        equal(page.input_value("#by-text"), "")

        # From a cause to its targets.
        page.get_by_text("Raise the quota").click()
        page.get_by_role("button", name="Show these targets").click()
        equal(shown(page), "1 of 300 targets, in 1 of 60 accounts")
        equal(marks(page), ["E"])


def the_reason_by_click(browser):
    for viewport in (PHONE, DESKTOP):
        with opened(browser, "small", viewport) as page:
            equal(chosen(page), None)
            page.locator(".cell", has_text="E").first.click()
            text = chosen(page)
            for part in ("FAILED", "SERVICE_QUOTA_EXCEEDED", "Account owners", "create more buckets than allowed", "eu-west-1"):
                assert part in text, f"{part} is not in {text}"
            cell, panel = page.locator("[aria-selected=true]").bounding_box(), page.locator("#detail").bounding_box()
            covered = cell["y"] + cell["height"] > panel["y"] and cell["x"] + cell["width"] > panel["x"]
            assert not covered, "the panel hides its cell"
            assert not scrolls_sideways(page)
            page.locator(".cell", has_text="·").first.click()
            assert "SUCCEEDED" in chosen(page)
            page.click("#close")
            equal(chosen(page), None)
    with opened(browser, "failures-only") as page:
        page.locator(".cell .none").first.click()
        assert "Succeeded or no target." in chosen(page), chosen(page)


def the_reason_by_keyboard(browser):
    with opened(browser, "small") as page:
        page.focus("#clear")
        page.keyboard.press("Tab")
        first = focused(page)
        assert first.startswith("prod-ledger (412352919313), ap-southeast-2: FAILED, SCP_EXPLICIT_DENY"), first
        page.keyboard.press("ArrowUp")
        equal(focused(page), first)
        page.keyboard.press("ArrowRight")
        assert ", eu-central-1: SUCCEEDED" in focused(page), focused(page)
        page.keyboard.press("End")
        assert ", us-east-1: CANCELLED" in focused(page), focused(page)
        page.keyboard.press("ArrowRight")
        assert ", us-east-1: CANCELLED" in focused(page), focused(page)
        page.keyboard.press("Home")
        equal(focused(page), first)
        page.keyboard.press("Enter")
        assert "service control policy" in chosen(page)
        # The panel follows.
        page.keyboard.press("ArrowDown")
        assert "412360838626" in chosen(page), chosen(page)
        page.keyboard.press("Escape")
        equal(chosen(page), None)
        assert "412360838626" in focused(page), focused(page)
        # One stop for the whole grid, and the way on.
        equal(page.locator(".cell[tabindex='0']").count(), 1)
        page.keyboard.press(" ")
        page.keyboard.press("Tab")
        equal(page.evaluate("document.activeElement.id"), "close")
        page.keyboard.press("Enter")
        assert "412360838626" in focused(page), focused(page)
        page.keyboard.press("Shift+Tab")
        equal(page.evaluate("document.activeElement.id"), "clear")
        # The units' rows are passed over.
        page.keyboard.press("Tab")
        seen = []
        for _ in range(59):
            seen.append(focused(page))
            page.keyboard.press("ArrowDown")
        equal(len(set(seen)), 59)
        page.keyboard.press("Control+Home")
        equal(focused(page), first)
        page.keyboard.press("Control+End")
        last = focused(page)
        page.keyboard.press("ArrowDown")
        equal(focused(page), last)
        page.keyboard.press("PageUp")
        assert focused(page) != last


def twenty_thousand(browser):
    with opened(browser, "large") as page:
        nodes = "document.querySelectorAll('*').length"
        equal(page.get_attribute("#grid", "aria-rowcount"), str(1 + 4 + 1250))
        equal(page.get_attribute("#grid", "aria-colcount"), "17")
        assert page.evaluate(nodes) < 5_000, page.evaluate(nodes)
        last = "#rows [aria-rowindex='1255']"
        equal(page.locator(last).count(), 0)
        page.evaluate("scroller.scrollTop = scroller.scrollHeight")
        page.wait_for_selector(last)
        box, frame = page.locator(last).bounding_box(), page.locator("#scroller").bounding_box()
        assert box["y"] + box["height"] <= frame["y"] + frame["height"] + 1, "the last row cannot be seen"
        assert page.evaluate(nodes) < 5_000, page.evaluate(nodes)
        # On the way back nothing stays behind, and rows stay in order.
        for at in range(0, 50_000, 1_000):
            page.evaluate(f"scroller.scrollTop = {at}")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.evaluate(nodes) < 5_000, page.evaluate(nodes)
        rows = page.eval_on_selector_all("#rows .row", "all => all.map(row => Number(row.getAttribute('aria-rowindex')))")
        equal(rows, sorted(rows))
        # The focus stays with a cell that is scrolled out of sight.
        page.evaluate("scroller.scrollTop = 0")
        page.locator("#rows .cell").first.focus()
        before = focused(page)
        page.evaluate("scroller.scrollTop = 30000")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        equal(focused(page), before)
        page.keyboard.press("Control+End")
        in_view = page.evaluate(
            "(() => { const c = document.activeElement.getBoundingClientRect(), s = scroller.getBoundingClientRect();"
            " return c.top >= s.top && c.bottom <= s.bottom && c.left >= s.left && c.right <= s.right; })()"
        )
        assert in_view, "the focus is out of sight"
        page.fill("#by-text", "workload-1249")
        equal(shown(page), "16 of 20,000 targets, in 1 of 1,250 accounts")


def the_account_stays_in_sight(browser):
    with opened(browser, "large", PHONE) as page:
        page.evaluate("scroller.scrollLeft = 400; scroller.scrollTop = 400")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        frame, account = page.locator("#scroller").bounding_box(), page.locator(".account").nth(8).bounding_box()
        assert abs(account["x"] - frame["x"]) <= 1, "the account is out of sight"
        head = page.locator("#heads").bounding_box()
        assert abs(head["y"] - frame["y"]) <= 1, "the Regions are out of sight"


def hostile(browser):
    with opened(browser, "hostile") as page:
        for details in page.locator("details").all():
            details.locator("summary").click()
        said = page.eval_on_selector_all(
            "#rows .cell", "all => all.map(cell => (cell.click(), document.getElementById('chosen').textContent))"
        )
        assert any("<svg onload=window.hacked=1>" in text for text in said), said
        for select in ("#by-cause", "#by-owner", "#by-status"):
            for option in page.locator(f"{select} option").all():
                page.select_option(select, option.get_attribute("value"))
        page.fill("#by-text", "<script>")
        page.click("#clear")
        # The page's own two, and no other.
        equal(page.locator("script").count(), 2)
        equal(page.locator("img, iframe, object, embed, base, form, link").count(), 0)
        equal(page.locator("svg:not(.bar)").count(), 0)
        odd = page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes].filter(a => /^on/i.test(a.name)))"
        )
        equal(odd, [])
        schemes = page.eval_on_selector_all("a", "all => [...new Set(all.map(a => a.protocol))].sort()")
        equal(schemes, ["file:", "https:"])


def without_script(browser):
    with opened(browser, "small", java_script_enabled=False) as page:
        for text in ("39 of 300 targets failed", "Exempt the execution role", "aws cloudformation update-stack-instances",
                     "needs JavaScript"):
            assert page.get_by_text(text).first.is_visible(), text
        equal(page.locator("button:visible, #grid:visible").count(), 0)


def commands_are_copied(browser):
    with opened(browser, "small", permissions=["clipboard-read", "clipboard-write"]) as page:
        page.locator(".copy").first.click()
        page.wait_for_function("document.querySelector('.copy').textContent === 'Copied'")
        equal(page.evaluate("navigator.clipboard.readText()"), page.locator("pre").first.text_content())


CONTRAST = """() => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const back = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const low = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || ["SCRIPT", "OPTION"].includes(element.tagName)) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(back(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.add(`${element.tagName} ${element.className}: ${ratio.toFixed(2)}`);
  }
  return [...low];
}"""


def every_text_has_contrast(browser):
    for scheme in ("light", "dark"):
        for name in ("small", "hostile", "in-progress"):
            with opened(browser, name, color_scheme=scheme) as page:
                page.eval_on_selector_all("details", "all => all.forEach(details => { details.open = true; })")
                page.locator("#rows .cell").first.click()
                equal(page.evaluate(CONTRAST), [])
                page.fill("#by-text", "prod")
                equal(page.evaluate(CONTRAST), [])


def pictures(browser):
    """The first screen and the matrix: beside each other as on phones, one above the other elsewhere."""
    gap = 16
    for viewport in (PHONE, DESKTOP):
        width, height = viewport["width"], viewport["height"]
        with opened(browser, "small", viewport) as page:
            first = page.screenshot()
            is_phone = viewport == PHONE
            page.locator(".cell", has_text="A" if is_phone else "E").first.click()
            page.locator("#shown" if is_phone else "#matrix").evaluate("element => element.scrollIntoView()")
            second = page.screenshot()
        at = (width + gap, 0) if is_phone else (0, height + gap)
        whole = Image.new("RGB", (at[0] + width, at[1] + height), "#8d96a1")
        whole.paste(Image.open(io.BytesIO(first)), (0, 0))
        whole.paste(Image.open(io.BytesIO(second)), at)
        whole.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(IMAGES / f"page-{width}.png", optimize=True)


CHECKS = [
    every_page_fits,
    the_first_screen_answers,
    filters,
    the_reason_by_click,
    the_reason_by_keyboard,
    twenty_thousand,
    the_account_stays_in_sight,
    hostile,
    without_script,
    commands_are_copied,
    every_text_has_contrast,
]

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
    failed = 0
    for check in [*CHECKS, *([pictures] if os.environ.get("UPDATE_IMAGES") else [])]:
        try:
            check(browser)
            print(f"ok      {check.__name__}")
        except Exception as error:
            failed += 1
            print(f"FAILED  {check.__name__}: {error}")
    browser.close()
sys.exit(1 if failed else 0)
