"""browser: a headless Chromium, driven by chromedriver over the W3C WebDriver protocol with nothing but Python's own
library, for tests that look at a page as people do. Pages come from files. Ends with close(), also by `with`.
"""
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Shift": "\ue008", "Control": "\ue009", "Escape": "\ue00c", "End": "\ue010",
        "Home": "\ue011", "Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015"}

# What every script may use.
PRELUDE = """
    const all = selector => [...document.querySelectorAll(selector)];
    const one = selector => document.querySelector(selector);
    const text = element => element.textContent, id = name => document.getElementById(name);
    const box = element => { const b = element.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; };
"""

# Pages are free to take down pictures that cannot be shown; here they are remembered.
WATCH = """
    window.broken = [];
    addEventListener('error', e => e.target.src && broken.push(e.target.src), true);
"""


class Browser:
    """size: of the window, in CSS pixels. touch: a phone. scratch: a folder for its profile."""

    def __init__(self, scratch, size, dark=False, touch=False):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.log = open(os.path.join(scratch, "chromedriver.log"), "ab")
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=self.log, stderr=self.log,
                                       start_new_session=True)
        self.session = None
        try:
            self.start(scratch, size, dark, touch)
        except BaseException:
            self.close()
            raise

    def start(self, scratch, size, dark, touch):
        for _ in range(200):
            try:
                if self.call("GET", "/status")["ready"]:
                    break
            except OSError:
                time.sleep(0.05)
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en",
                            "--no-first-run", "--hide-scrollbars", "--disable-background-networking",
                            f"--user-data-dir={tempfile.mkdtemp(dir=scratch)}", f"--window-size={size[0]},{size[1]}"]}
        if touch:
            options["mobileEmulation"] = {"deviceMetrics": {"width": size[0], "height": size[1], "pixelRatio": 2}}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "unhandledPromptBehavior": "ignore",
                  "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        if not touch:
            self.devtools("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1,
                          mobile=False)
        self.set_dark(dark)
        self.devtools("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        self.ask("POST", "/url", {"url": "about:blank"})
        time.sleep(0.2)
        self.logs("performance")  # what the browser's own first page asked for is not ours

    def close(self):
        if self.session:
            with contextlib.suppress(Exception):
                self.call("DELETE", f"/session/{self.session}")
        with contextlib.suppress(ProcessLookupError):  # the driver, and what it started in its group
            os.killpg(self.driver.pid, signal.SIGKILL)
        self.driver.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {json.load(error)['value']['message'].splitlines()[0]}") from None

    def ask(self, method, path, body=None):
        return self.call(method, f"/session/{self.session}{path}", body)

    def devtools(self, command, **parameters):
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def set_dark(self, dark):
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, folder, place=""):
        url = "file://" + urllib.request.pathname2url(os.path.abspath(folder)) + "/index.html" + place
        self.ask("POST", "/url", {"url": "about:blank"})  # so that a new place on the page is a new page
        self.ask("POST", "/url", {"url": url})

    def js(self, script, *arguments):
        """The value of an expression, or of what a script returns."""
        body = script if "return" in script or ";" in script else f"return {script}"
        return self.ask("POST", "/execute/sync", {"script": PRELUDE + body, "args": list(arguments)})

    def wait(self, script, seconds=10):
        """Whether it became true in time."""
        end = time.monotonic() + seconds
        while not self.js(script):
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def keys(self, *keys, held=None):
        actions = [{"type": "keyDown", "value": KEYS[held]}] if held else []
        for key in keys:
            value = KEYS.get(key, key)
            actions += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        if held:
            actions.append({"type": "keyUp", "value": KEYS[held]})
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def point(self, x, y, press=False, kind="mouse"):
        actions = [{"type": "pointerMove", "duration": 0, "x": int(x), "y": int(y), "origin": "viewport"}]
        if press:
            actions += [{"type": "pointerDown", "button": 0}, {"type": "pause", "duration": 30},
                        {"type": "pointerUp", "button": 0}]
        pointer = {"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": actions}
        self.ask("POST", "/actions", {"actions": [pointer]})

    def logs(self, kind):
        """"browser" (the console) or "performance" (devtools' events), since the last call."""
        return self.ask("POST", "/se/log", {"type": kind})

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.ask("GET", "/screenshot")))
