#!/usr/bin/env python3
"""gallery: the page of a catalogue in a real browser.

usage: gallery.py odd FOLDER          the made-up films of tests/tools/gallery_films.c: all that the page can do
       gallery.py any FOLDER          any catalogue: opens, no error, no request to a network, no broken picture
       gallery.py load FOLDER         how fast it opens; prints the numbers
       gallery.py look FOLDER OUT     screenshots, for people: OUT-light.png, OUT-dark.png, ...
"""
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from browser import Browser  # noqa: E402

FAILURES = []


def check(held, what, found=None):
    if not held:
        FAILURES.append(what)
        print(f"FAILED: {what}" + ("" if found is None else f": found {found!r}"))


def same(found, wanted, what):
    check(found == wanted, f"{what}: wanted {wanted!r}", found)


# ---- what holds for every catalogue -------------------------------------------------------------------------------

def read_data(folder):
    """The films as the page has them."""
    page = open(os.path.join(folder, "index.html"), encoding="utf-8").read()
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S)[1])["films"]


def settle(browser):
    held = browser.wait("""return document.readyState === 'complete' &&
        ![...document.images].some(i => !i.complete && box(i)[1] < innerHeight)""", 30)
    check(held, "the pictures came within 30 s")


def quiet(browser, what):
    """No script errors, no alerts, nothing asked of a network; what was loaded, by kind of address."""
    schemes = {}
    for entry in browser.logs("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            schemes.setdefault(url.split(":")[0], []).append(url)
        elif message["method"] == "Network.loadingFailed" and not message["params"].get("canceled"):
            check(False, f"{what}: a request failed", message["params"]["errorText"])
        elif message["method"] == "Page.javascriptDialogOpening":
            check(False, f"{what}: a dialog of the browser", message["params"])
    strange = {scheme: urls[:3] for scheme, urls in schemes.items() if scheme not in ("file", "data", "about")}
    same(strange, {}, f"{what}: requests to a network")
    for entry in browser.logs("browser"):
        check(False, f"{what}: console", entry["message"])
    try:
        check(False, f"{what}: an alert", browser.ask("GET", "/alert/text"))
    except RuntimeError:
        pass
    return schemes


def scroll_through(browser, most):
    """In at most so many steps; the pictures that were seen."""
    height = browser.js("document.documentElement.scrollHeight")
    step, at, seen = max(browser.js("innerHeight * .8"), height / most), 0, set()
    while at < height + step:
        browser.js("scrollTo(0, arguments[0]);", at)
        time.sleep(0.15)
        settle(browser)
        seen.update(browser.js("[...document.images].filter(i => i.naturalWidth).map(i => i.src)"))
        at += step
    browser.js("scrollTo(0, 0);")
    same(browser.js("broken"), [], "broken pictures")
    return seen


def films(browser):
    return browser.js("all('#films .title').map(text)")


def press(browser, selector):
    browser.js("one(arguments[0]).click();", selector)


IS_OPEN = "id('one').open"
TITLE = "text(id('one-title'))"


def test_any(browser, folder):
    done = [film for film in read_data(folder) if film["status"] == "done"]
    browser.open(folder)
    same(len(films(browser)), len(done), "films in the list")
    seen = scroll_through(browser, 60)
    if len(done) < 200:
        with_pictures = sum(any("width" in output for output in film.get("outputs", [])) for film in done)
        same(len(seen), with_pictures, "pictures that were shown")
    if done:
        press(browser, "#films .title")
        check(browser.wait(IS_OPEN), "the large view opens")
        settle(browser)
        same(browser.js("broken"), [], "broken pictures in the large view")
    schemes = quiet(browser, "any")
    asked = ", ".join(f"{len(urls)} {scheme}:" for scheme, urls in sorted(schemes.items()))
    print(f"{len(done)} films, {len(seen)} pictures shown; asked for: {asked}")


# ---- the films of gallery_films.c ---------------------------------------------------------------------------------

def rule_column(bin_):
    """Time and colours of a card's column of the film Ruler, which has 1000 columns."""
    i = (2 * bin_ + 1) * 1000 // 320
    level = i // 4
    return 1.001 * i, [((level, 255 - level, 40), 60), ((10, level, 200), 30), ((255, 255, 255), 10)]


def clock(seconds, decimals):
    units = int(seconds * 10 ** decimals + 1e-6)
    whole, rest = divmod(units, 10 ** decimals)
    return f"{whole // 60}:{whole % 60:02}" + (f".{rest:0{decimals}}" if decimals else "")


READOUT = """
    const readout = one('#films .readout');
    return readout && [text(readout.closest('.film').querySelector('.title')), text(readout.querySelector('.time')),
        [...readout.querySelectorAll('.colour')].map(c => [getComputedStyle(c.firstChild).backgroundColor, text(c)])]"""


def wanted_readout(bin_):
    seconds, colours = rule_column(bin_)
    return ["Ruler", clock(seconds, 0), [[f"rgb({r}, {g}, {b})", f"{share}%"] for (r, g, b), share in colours]]


def find_strip(browser, title):
    """Brings it into sight: left, top, width, height."""
    find = "const strip = all('.strip')[all('.title').map(text).indexOf(arguments[0])];"
    browser.js(find + "strip.scrollIntoView({ block: 'center' });", title)
    time.sleep(0.2)  # what comes into sight is laid out for the first time, and may move it
    return browser.js(find + "return box(strip);", title)


def test_hover(browser):
    x, y, width, height = find_strip(browser, "Ruler")
    first, last = int(x + 1), int(x + width - 1)
    for at in [*range(first, first + 9), (first + last) // 2, *range(last - 8, last + 1)]:
        bin_ = int((at - x) / width * 160)
        browser.point(at, y + height / 2)
        same(browser.js(READOUT), wanted_readout(bin_), f"hover over column {bin_} of 160")
    left, _, thick, _ = browser.js("box(one('#films .cursor'))")
    column = 319 * 1000 // 320 + 0.5
    check(abs(left + thick / 2 - (x + column * width / 1000)) < 1, "the cursor stands at the column", left)
    browser.point(5, 5)
    same(browser.js(READOUT), None, "nothing is shown beside the films")


def test_sorting(browser, data):
    done = {film["title"]: film for film in data if film["status"] == "done"}
    titles = films(browser)
    same(sorted(titles), sorted(done), "every film is there once")
    numbered = [title for title in titles if title.startswith("film")]
    same(numbered, ["film 1", "film 2", "film 10"], "numbers in titles")
    for key, value in (("length", "seconds"), ("lightness", "lightness"), ("hue", "hue")):
        for falling in (False, True):
            press(browser, f"[data-sort={key}]")
            found = [done[title][value] for title in films(browser)]
            keyed = [v for v in found if key != "hue" or v >= 0]
            same(keyed, sorted(keyed, reverse=falling), f"by {key}, falling: {falling}")
            same(found[:len(keyed)], keyed, f"by {key}, falling: {falling}: greys last")
    check(-1 in [film["hue"] for film in done.values()], "there are grey films")
    check(browser.wait("location.hash === '#sort=-hue'"), "the order is in the address")
    press(browser, "[data-sort=title]")
    same(films(browser), titles, "by title again")
    press(browser, "[data-sort=title]")
    same([t for t in films(browser) if t in numbered], numbered[::-1], "by title, falling")
    press(browser, "[data-sort=title]")
    check(browser.wait("location.hash.length < 2"), "the plain order leaves the address alone")


def test_search(browser, folder):
    everything = len(films(browser))
    amelie = ["Amélie Ørsted Straße"]
    browser.keys("/")
    same(browser.js("document.activeElement.id"), "search", "/ goes to the search")
    same(browser.js("id('search').value"), "", "/ itself is not typed")
    for typed, wanted in (("amelie", amelie), ("STRASSE orsted", amelie), ("ruler", ["Ruler"]), ("no such film", []),
                          ("odd/film 10", ["film 10"]), ("10.mkv film", ["film 10"]),
                          ("<img", ["<img src=x onerror=alert(1)>"])):
        browser.js("id('search').select();")
        browser.keys(*typed)
        same(films(browser), wanted, f"search for {typed!r}")
        same(browser.js("text(id('counts'))"), f"{len(wanted)} of {everything} films", "counts")
        same(browser.js("id('nothing').offsetHeight > 0"), not wanted, "it says when nothing was found")
    browser.js("id('search').select();")
    browser.keys(*"broken")
    check(browser.js("id('failed').offsetHeight > 0"), "failed films are searched too")
    check(browser.wait("location.hash === '#q=broken'"), "the search is in the address")
    browser.keys("Escape")
    same(len(films(browser)), everything, "Escape ends the search")
    browser.open(folder, "#sort=-length&q=odd/film+1")
    same(sorted(films(browser)), ["film 1", "film 10"], "an address brings back the search")
    same(browser.js("one('.sort[aria-pressed=true]').dataset.sort"), "length", "and the order")
    browser.open(folder)


# The film and column that have the focus, or else what has it.
FOCUS = """
    const e = document.activeElement;
    return e.matches('.strip') ? [text(e.closest('.film').querySelector('.title')), Number(e.ariaValueNow)]
        : e.id || e.className || e.tagName"""


def test_keyboard(browser, folder):
    browser.open(folder)
    titles, stops = films(browser), []
    for _ in range(9):
        browser.keys("Tab")
        stops.append(browser.js(FOCUS))
    same(stops[:7], ["to-failed", "search", "sort", "sort", "sort", "sort", "theme"], "Tab walks through the head")
    same(stops[7], [titles[0], 0], "then to the first film")
    check(not isinstance(stops[8], list), "the films are one stop of Tab", stops[8])
    columns = browser.js("getComputedStyle(id('films')).gridTemplateColumns.split(' ').length")
    browser.open(folder, "#q=odd")
    browser.keys("/", "Enter")
    same(browser.js(FOCUS), [titles[0], 0], "Enter in the search goes to the first film")
    for keys, held, wanted, what in (
            (["Down"], None, [titles[columns], 0], "the film below"),
            (["Up"], None, [titles[0], 0], "the film above"),
            (["Right", "Right", "Right", "Left"], None, [titles[0], 2], "along the barcode"),
            (["Home", "Left"], None, [titles[0], 0], "nothing before the first column of the first film"),
            (["End", "Right"], None, [titles[1], 0], "on to the next film at the end"),
            (["Right"], "Shift", [titles[1], 10], "ten at once"),
            (["Right", "Right"], "Control", [titles[3], 0], "from film to film")):
        browser.keys(*keys, held=held)
        same(browser.js(FOCUS), wanted, what)
    browser.keys("End", held="Control")
    same(browser.js(FOCUS)[0], titles[-1], "the last film")
    _, top, _, height = browser.js("box(document.activeElement)")
    check(top >= 0 and top + height <= 900, "it is in sight", top)
    same(browser.js("getComputedStyle(document.activeElement).outlineStyle"), "solid", "the focus is visible")
    browser.keys("Home", held="Control")
    browser.keys(*["Right"] * titles.index("Ruler"), held="Control")
    browser.keys(*["Right"] * 5)
    same(browser.js(READOUT), wanted_readout(5), "colours under the keyboard's cursor")
    seconds, colours = rule_column(5)
    spoken = clock(seconds, 0) + ": " + ", ".join("#%02x%02x%02x %d%%" % (*rgb, share) for rgb, share in colours)
    same(browser.js("document.activeElement.ariaValueText"), spoken, "what is read out")


PLACE = "[text(one('#place .time')), all('#place li').map(text)]"


def wanted_place(bin_):
    seconds, colours = rule_column(bin_)
    return [clock(seconds, 3), ["%d%%#%02x%02x%02x" % (share, *rgb) for rgb, share in colours]]


def test_large(browser):
    titles = films(browser)
    browser.keys("Enter")  # on the fifth column of Ruler, where test_keyboard ended
    check(browser.wait(IS_OPEN), "Enter opens the large view")
    settle(browser)
    same(browser.js(TITLE), "Ruler", "its title")
    same(browser.js(PLACE), wanted_place(5), "the place is kept")
    browser.keys("Right", "Right")
    same(browser.js(PLACE), wanted_place(7), "arrows go along")
    browser.keys("End")
    same(browser.js(PLACE), wanted_place(159), "to the end")
    x, y, width, _ = browser.js("box(id('bands'))")
    browser.point(x + 80.5 * width / 160, y + 20)
    same(browser.js(PLACE), wanted_place(80), "and the mouse")
    sizes = browser.js("all('#bands img').map(i => [i.naturalWidth, i.naturalHeight])")
    same(sizes, [[1000, 480], [1000, 480]], "both strips")
    ticks = browser.js("all('#axis span').map(e => [text(e), parseFloat(e.style.left)])")
    check(len(ticks) >= 4 and ticks[0][0] == "0:00", "a time axis", ticks)
    for label, at in ticks:
        m, s = label.split(":")
        wanted = ((int(m) * 60 + float(s)) / 1.001 + 0.5) / 10
        check(abs(at - wanted) < 0.1, f"tick {label} at {wanted:.2f} %", at)
    check(browser.js("id('zoom').hidden"), "there is nothing to enlarge")
    links = browser.js("all('#details a').map(a => a.getAttribute('href'))")
    same(links, ["./Ruler.barcode.png", "./Ruler.barcode.average.png", "./Ruler.json"], "links to the outputs")
    details = dict(browser.js("all('#details div').map(d => [...d.children].map(text))"))
    same(details["Barcode"].replace("\u00a0", " "), "1,000 columns, 1,000 × 480 pixels", "columns")
    same(details["Length"], "16:41.0", "length")
    check(browser.wait("location.hash.includes('film=Ruler')"), "the film is in the address")
    browser.keys("Up")
    same(browser.js(TITLE), titles[titles.index("Ruler") - 1], "up: the film before")
    browser.keys("Down")
    for _ in range(8):
        browser.keys("Tab")
        inside = browser.js("const e = document.activeElement; return e === document.body || id('one').contains(e)")
        check(inside, "Tab stays in the large view")
    browser.keys("Escape")
    check(not browser.js(IS_OPEN), "Escape closes")
    same(browser.js(FOCUS)[0], "Ruler", "and gives the focus back")
    x, y, width, height = find_strip(browser, "film 2")
    browser.point(x + width / 2, y + height / 2, press=True)
    check(browser.wait(IS_OPEN), "a click opens the large view")
    same(browser.js(TITLE), "film 2", "of that film")
    press(browser, "#close")
    check(not browser.js(IS_OPEN), "the button closes")


def test_theme(browser, folder):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = browser.js(ground)
    press(browser, "#theme")
    dark = browser.js(ground)
    check(light != dark, "the button turns the light off", [light, dark])
    browser.open(folder)
    same(browser.js(ground), dark, "it is remembered")
    browser.set_dark(True)
    press(browser, "#theme")
    same(browser.js(ground), light, "and on, in a dark system")
    press(browser, "#theme")
    browser.set_dark(False)
    check(browser.wait(f"{ground} === '{light}'"), "set as the system is, it follows the system")
    # A browser may forbid a file to keep anything.
    forbid = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no'); } })"
    script = browser.devtools("Page.addScriptToEvaluateOnNewDocument", source=forbid)
    browser.open(folder)
    check(films(browser), "opens without localStorage")
    press(browser, "#theme")
    same(browser.js(ground), dark, "the button works without localStorage")
    browser.devtools("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


def test_lists(browser, folder):
    browser.open(folder)
    rows = browser.js("all('#failed-rows li').map(text)")
    same(len(rows), 3, "failed films")
    for wanted in (["<b onmouseover=alert(6)>broken", "not a film", "not found <script>alert(7)</script> \"'"],
                   ["poison", "crash", "set aside after 3 tries", "signal 11"],
                   ["cut short", "incomplete", "5021 of 171341"]):
        check(any(all(part in row for part in wanted) for row in rows), f"listed: {wanted[0]}", rows)
    same(browser.js("all('#left-rows li').length"), 1, "films to come")
    foot = browser.js("text(one('footer'))").replace("\u00a0", " ")
    for wanted in ("24 frames", "480 × 270", "jacquard catalog /films --out", "failed3", "The last of 2 runs"):
        check(wanted in foot, f"the foot says {wanted!r}", foot)
    same(browser.js("document.documentElement.lang"), "en", "language")
    unnamed = browser.js("""return all('button, input, [role=slider]').filter(e => !e.closest('dialog, [hidden]') &&
        !e.ariaLabel && !text(e).trim()).map(e => e.outerHTML.slice(0, 100))""")
    same(unnamed, [], "everything that can be used has a name")


def test_hostile(browser, folder, data):
    for film in data:
        if film["status"] == "done":
            browser.open(folder, "#film=" + urllib.request.quote(film["name"]))
            same(browser.js(TITLE), film["title"], "opened by its address")
            settle(browser)
            wanted = sum("width" in output for output in film["outputs"])
            same(browser.js("all('#bands img').length"), wanted, f"pictures of {film['name']!r}")
            same(browser.js("broken"), [], f"broken pictures of {film['name']!r}")
    quiet(browser, "hostile names")
    # Even a script that did get in would not run: the policy knows the page's own script only.
    browser.js("""
        const s = document.createElement('script'), i = new Image();
        s.append('window.stranger = 1');
        i.src = 'http://127.0.0.1:9/x.png';
        document.body.append(s, i);""")
    time.sleep(0.3)
    check(browser.js("window.stranger === undefined"), "the policy keeps strange scripts out")
    refused = [entry["message"] for entry in browser.logs("browser")]
    check(any("will not be executed" in m or "inline script" in m for m in refused), "and says so", refused)
    check(any("127.0.0.1:9" in m and "Security Policy" in m for m in refused), "and pictures from afar", refused)
    browser.logs("performance")


def test_touch(folder, scratch):
    with Browser(scratch, (360, 740), touch=True) as phone:
        phone.open(folder, "#q=ruler")
        time.sleep(0.2)
        same(phone.js("document.documentElement.scrollWidth"), 360, "fits a phone")
        x, y, width, height = find_strip(phone, "Ruler")
        phone.point(x + 60.5 * width / 160, y + height / 2, press=True, kind="touch")
        shown = phone.js(READOUT)
        check(shown in (wanted_readout(59), wanted_readout(60)), "a tap shows the place", shown)
        check(not phone.js(IS_OPEN), "and opens nothing")
        check(phone.js("const r = one('.readout'); return r.scrollWidth <= r.parentNode.clientWidth"), "it has room")
        press(phone, ".title")
        check(phone.js(IS_OPEN), "the title opens the large view")
        check(phone.js("id('one').scrollWidth <= 360"), "which fits, too")
        press(phone, "#zoom")
        same(phone.js("id('bands').clientWidth"), 1000, "and can be enlarged to a pixel a column")
        check(phone.js("id('one').scrollWidth <= 360 && id('scroller').scrollLeft > 0"), "in a window of its own")
        quiet(phone, "phone")


def test_odd(folder, scratch):
    data = read_data(folder)
    with Browser(scratch, (1440, 900)) as browser:
        test_any(browser, folder)
        browser.open(folder)
        test_hover(browser)
        test_sorting(browser, data)
        test_search(browser, folder)
        test_keyboard(browser, folder)
        test_large(browser)
        test_theme(browser, folder)
        test_lists(browser, folder)
        quiet(browser, "all of it")
        test_hostile(browser, folder, data)
    test_touch(folder, scratch)


# ---- speed and looks ----------------------------------------------------------------------------------------------

def test_load(browser, folder):
    times, took = [], []
    for _ in range(5):
        browser.open(folder)
        check(browser.wait("performance.getEntriesByName('first-contentful-paint').length > 0"), "it is painted")
        times.append([round(t) for t in browser.js("""
            const n = performance.getEntriesByType('navigation')[0];
            const paint = name => performance.getEntriesByName(name)[0].startTime;
            const paints = [paint('first-paint'), paint('first-contentful-paint')];
            return [n.domContentLoadedEventEnd, ...paints, n.loadEventEnd]""")])
    n, size = len(films(browser)), os.path.getsize(os.path.join(folder, "index.html"))
    median = [sorted(column)[2] for column in zip(*times)]
    print(f"{n} films, {size / 1e6:.1f} MB: DOMContentLoaded {median[0]} ms, first paint {median[1]} ms, "
          f"first contentful paint {median[2]} ms, load {median[3]} ms (medians of 5)")
    for what, script in (("sorting by hue", "one('[data-sort=hue]').click()"), ("a search", "type('river 19')"),
                         ("its end", "type('')")):
        ms = browser.js("""
            const type = text => { id('search').value = text; id('search').dispatchEvent(new Event('input')); };
            const t = performance.now();
            %s;
            document.body.offsetHeight;
            return performance.now() - t""" % script)
        took.append(f"{what} {round(ms)} ms")
    print(", ".join(took))
    check(median[0] < 5000, "opens within 5 s", times)
    scroll_through(browser, 12)
    held = browser.js("document.images.length")
    check(n < 200 or held < 100, "only what is near holds pictures", held)
    quiet(browser, "load")


def look(folder, out, scratch):
    def hover(browser):
        if len(films(browser)) > 2:
            x, y, width, height = browser.js("box(all('.strip')[2])")
            browser.point(x + width * 0.4, y + height / 2)

    def tap(browser):
        browser.point(150, 250, press=True, kind="touch")

    def walk(browser):
        browser.keys("/", "Down", "Down", "Right", "Right", "Right")

    def enter(browser):
        if films(browser):
            browser.js("all('.title').slice(0, 2).pop().click();")
            browser.keys(*["Right"] * 30)

    def zoom(browser):
        enter(browser)
        press(browser, "#zoom")

    def foot(browser):
        for _ in range(2):
            browser.js("scrollTo(0, 1e9);")
            time.sleep(0.3)

    shots = (((1440, 900), {}, (("light", hover), ("dialog", enter), ("zoom", zoom), ("foot", foot), ("keys", walk),
                                ("hue#sort=hue", None), ("nothing#q=nothing+like+it", None))),
             ((1440, 900), {"dark": True}, (("dark", hover), ("dark-dialog", enter), ("dark-foot", foot))),
             ((3840, 2160), {}, (("4k", hover), ("4k-dialog", enter))),
             ((768, 1024), {}, (("tablet", hover),)),
             ((360, 740), {"touch": True}, (("phone", tap), ("phone-dialog", enter), ("phone-foot", foot))))
    for size, how, views in shots:
        with Browser(scratch, size, **how) as browser:
            for name, act in views:
                name, hash_, place = name.partition("#")
                browser.open(folder, hash_ + place)
                settle(browser)
                if act:
                    act(browser)
                    settle(browser)
                time.sleep(0.6)
                browser.screenshot(f"{out}-{name}.png")


def main(argv):
    if len(argv) < 3 or argv[1] not in ("odd", "any", "load", "look") or len(argv) != (4 if argv[1] == "look" else 3):
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the browser is closed
    scratch = tempfile.mkdtemp(prefix="jacquard-gallery.")
    try:
        if argv[1] == "look":
            look(argv[2], argv[3], scratch)
        elif argv[1] == "odd":
            test_odd(argv[2], scratch)
        else:
            with Browser(scratch, (1440, 900)) as browser:
                (test_any if argv[1] == "any" else test_load)(browser, argv[2])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if FAILURES:
        print(f"{len(FAILURES)} checks failed")
    return 1 if FAILURES else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
