"""/docs in a real browser: reading it, sending from it, by mouse and by keyboard."""

import json

import pytest

from support.browser import MISSING, Browser, is_installed
from support.rest import BC, DJANGO

pytestmark = pytest.mark.skipif(not is_installed(), reason=MISSING)

TAB, ENTER = "\ue004", "\ue007"
DJANGO_PUT = "#django-put_api_v1_customers_id"
BC_PUT = "#bigcommerce-put_stores_store_v3_customers"


@pytest.fixture(scope="module")
def chromium():
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(chromium, own_platforms):
    """At /docs, and in the end without a complaint or a request to elsewhere."""
    chromium.home = "http://127.0.0.1:%d" % own_platforms.shim.address[1]
    chromium.complaints(), chromium.requests()
    chromium.open(chromium.home + "/docs")
    yield chromium
    assert chromium.complaints() == []
    for url in chromium.requests():
        assert url.startswith((chromium.home + "/", "data:,")), url


def answer_in(browser, place):
    """What the page shows once the answer is there: status line, headers, body."""
    browser.wait_for(lambda: browser.find(place + " output").text, "an answer")
    return (browser.find(place + " output b").text,
            browser.find(place + " output pre.headers").text,
            browser.find(place + " output pre.body").text)


def test_the_page_sends_an_update_and_shows_the_answer(browser, own_platforms):
    browser.find(DJANGO_PUT + " summary").click()
    browser.find(DJANGO_PUT + " textarea").replace(
        json.dumps({"first_name": "Joan", "last_name": "D'Arc"}))
    browser.find(DJANGO_PUT + " form button").click()
    status, headers, body = answer_in(browser, DJANGO_PUT)
    assert status.startswith("200 OK in ") and status.endswith(" ms")
    assert "content-type: application/json" in headers and "etag:" in headers
    assert json.loads(body)["last_name"] == "D'Arc"
    stored = own_platforms.ask("GET", "/api/v1/customers/123/", DJANGO).json
    assert (stored["first_name"], stored["last_name"]) == ("Joan", "D'Arc")


def test_the_page_reads_back_what_it_has_sent(browser, own_platforms):
    place = "#ecwid-get_api_v3_store_customers_id"
    own_platforms.ask("PUT", "/stores/store_hash/v3/customers", BC,
                      [{"id": 12345, "first_name": "Ada"}])
    browser.find(place + " summary").click()
    browser.find(place + " [name=target]").replace("/api/v3/1003/customers/12345")
    browser.find(place + " form button").click()
    status, _, body = answer_in(browser, place)
    assert status.startswith("200 ") and json.loads(body)["firstName"] == "Ada"


def test_the_keyboard_is_enough(browser, own_platforms):
    browser.run("document.querySelector(arguments[0]).focus()", BC_PUT + " summary")
    browser.press(ENTER)            # opens the request
    browser.press(TAB, TAB, TAB)    # the curl command, the path, the body
    assert browser.run("return document.activeElement.name") == "body"
    browser.press(TAB, ENTER)       # the button
    status, _, body = answer_in(browser, BC_PUT)
    assert status.startswith("200 ")
    assert json.loads(body)["data"][0]["first_name"] == "Ada"


def test_a_refusal_is_shown_as_one(browser):
    browser.find("#bigcommerce [name=token]").replace("no-such-token")
    browser.find(BC_PUT + " summary").click()
    browser.find(BC_PUT + " form button").click()
    status, _, body = answer_in(browser, BC_PUT)
    assert status.startswith("401 ") and json.loads(body)["status"] == 401
    assert browser.find(BC_PUT + " output").attribute("className") == "bad"
    # The console of Chromium names every answer over 399.
    assert all("401" in line for line in browser.complaints())


def test_a_token_goes_nowhere_else(browser):
    browser.find(BC_PUT + " summary").click()
    for target in ("//elsewhere.example/", "https://elsewhere.example/"):
        browser.find(BC_PUT + " [name=target]").replace(target)
        browser.find(BC_PUT + " form button").click()
        browser.wait_for(lambda: browser.find(BC_PUT + " output").text, "an answer")
        assert browser.find(BC_PUT + " output b").text.startswith("No answer")


def test_the_curl_command_follows_what_is_entered(browser):
    browser.find(DJANGO_PUT + " summary").click()
    browser.find("#django [name=token]").replace("my-token")
    browser.find(DJANGO_PUT + " textarea").replace("{\"first_name\": \"D'Arc\"}")
    curl = browser.find(DJANGO_PUT + " pre").text
    assert curl.startswith("curl -g -X PUT '%s/api/v1/customers/123/'" % browser.home)
    assert "-H 'Authorization: Bearer my-token'" in curl
    assert "-d '{\"first_name\": \"D'\\''Arc\"}'" in curl


def test_an_address_opens_its_request(browser):
    browser.open("about:blank")
    browser.open(browser.home + "/docs" + BC_PUT)
    assert browser.find(BC_PUT).attribute("open") is True


@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_is_never_wider_than_the_window(browser, width):
    browser.ask("POST", "/window/rect", {"width": max(width, 500), "height": 900})
    browser.ask("POST", "/goog/cdp/execute", {
        "cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}})
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    browser.ask("POST", "/goog/cdp/execute", {
        "cmd": "Emulation.clearDeviceMetricsOverride", "params": {}})


def test_the_page_is_dark_where_that_is_preferred(browser):
    colors = []
    for scheme in ("light", "dark"):
        browser.ask("POST", "/goog/cdp/execute", {
            "cmd": "Emulation.setEmulatedMedia", "params": {"features": [
                {"name": "prefers-color-scheme", "value": scheme}]}})
        colors.append(browser.run(
            "return getComputedStyle(document.body).backgroundColor"))
    assert colors == ["rgb(253, 252, 250)", "rgb(22, 24, 28)"]
