"""A headless Chromium, driven over plain WebDriver.

    with Browser() as browser:
        browser.open("http://127.0.0.1:7480/docs")
        browser.find("#django button").click()
        assert browser.complaints() == []
"""

import json
import re
import shutil
import subprocess
import tempfile
import urllib.request

from support.customerd import PATIENCE_S, wait_until

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--hide-scrollbars"]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

# What tools/packages calls the section, for those who wonder why a test was skipped.
MISSING = "chromium and chromium-driver are not installed (section browser of tools/packages)"


def is_installed():
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


class Element:
    def __init__(self, browser, reference):
        self.browser, self.reference = browser, reference

    def _ask(self, method, path, body=None):
        return self.browser.ask(method, "/element/%s/%s" % (self.reference, path), body)

    @property
    def text(self):
        return self._ask("GET", "text")

    def attribute(self, name):
        return self._ask("GET", "property/" + name)

    def click(self):
        self._ask("POST", "click", {})

    def type(self, keys):
        self._ask("POST", "value", {"text": keys})

    def replace(self, text):
        self._ask("POST", "clear", {})
        self.type(text)


class Browser:
    def __init__(self, width=1200, height=900, dark=False):
        self.profile = tempfile.mkdtemp(prefix="customerd-browser-")
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.session = None
        try:
            for line in self.driver.stdout:
                started = re.search(r"started successfully on port (\d+)", line)
                if started:
                    break
            self.base = "http://127.0.0.1:" + started.group(1)
            flags = FLAGS + ["--user-data-dir=" + self.profile,
                             "--window-size=%d,%d" % (width, height)]
            if dark:
                flags.append("--blink-settings=preferredColorScheme=0")
            self.session = self.ask("POST", "", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": flags},
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            }}})["sessionId"]
        except BaseException:
            self.close()
            raise

    def ask(self, method, path, body=None):
        session = "/" + self.session if self.session else ""
        data = json.dumps(body).encode() if body is not None else None
        made = urllib.request.Request(self.base + "/session" + session + path, data,
                                      {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(made, timeout=PATIENCE_S) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def find(self, selector):
        found = self.ask("POST", "/element", {"using": "css selector", "value": selector})
        return Element(self, found[ELEMENT])

    def run(self, script, *arguments):
        """The value that SCRIPT, the body of a function, returns."""
        return self.ask("POST", "/execute/sync",
                        {"script": script, "args": list(arguments)})

    def press(self, *keys):
        """Press KEYS one after the other, wherever the focus is."""
        actions = [{"type": kind, "value": key}
                   for key in keys for kind in ("keyDown", "keyUp")]
        self.ask("POST", "/actions", {"actions": [
            {"type": "key", "id": "keyboard", "actions": actions}]})

    def wait_for(self, condition, what):
        wait_until(condition, what)

    def _log(self, kind):
        return self.ask("POST", "/se/log", {"type": kind})

    def complaints(self):
        """What the console says since the last time."""
        return [entry["message"] for entry in self._log("browser")]

    def requests(self):
        """The addresses that pages asked for since the last time; the tab that Chromium
        begins with loads parts of Chromium."""
        messages = [json.loads(entry["message"])["message"]
                    for entry in self._log("performance")]
        return [message["params"]["request"]["url"] for message in messages
                if message["method"] == "Network.requestWillBeSent" and
                not message["params"]["documentURL"].startswith("chrome:")]

    def close(self):
        if self.session:
            self.ask("DELETE", "")
        self.driver.terminate()
        self.driver.wait(PATIENCE_S)
        self.driver.stdout.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
