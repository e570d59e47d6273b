"""Bodies of HTML's forms, which the Django style reads as its framework does."""

import json

import pytest

from support.rest import DJANGO

TARGET = "/api/v1/customers/123/"
FIELDS = {"email": "john.doe@example.com", "first_name": "Jöhn", "date_of_birth": "1990-01-15",
          "address.street_address": "456 Oak Avenue", "address.postal_code": "54321",
          "address.city": "Reno", "address.state": "Nevada", "address.country": "Germany"}
SEEN = {"email": "john.doe@example.com", "first_name": "Jöhn", "last_name": "Doe",
        "slug": "john-doe", "date_of_birth": "1990-01-15", "address": {
            "street_address": "456 Oak Avenue", "postal_code": 54321, "city": "Reno",
            "state": "Nevada", "country": "Germany"}}


def part(name, value, more=""):
    return '--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
        name, more, value)


def multipart(*parts, end="--x--\r\n"):
    return "".join(parts) + end


def send(platforms, body, content_type="multipart/form-data; boundary=x"):
    return platforms.ask("PUT", TARGET, dict(DJANGO, **{"Content-Type": content_type}),
                         body if isinstance(body, bytes) else body.encode())


def test_parts_are_fields(platforms):
    answer = send(platforms, multipart(*(part(*field) for field in FIELDS.items())))
    assert (answer.status, answer.json) == (200, SEEN)


@pytest.mark.parametrize("content_type", [
    'multipart/form-data; boundary="x"', "Multipart/Form-Data;boundary=x",
    "multipart/form-data; charset=utf-8; BOUNDARY=x"])
def test_a_boundary_may_be_written_so(platforms, content_type):
    answer = send(platforms, multipart(part("last_name", "Doe")), content_type)
    assert answer.status == 200, answer


def test_a_part_may_hold_what_looks_like_its_end(platforms):
    for name in ("--x--", "\r\n--", "--x\r\n"):
        answer = send(platforms, multipart(part("last_name", name)))
        assert (answer.status, answer.json["last_name"]) == (200, name.strip())
    assert send(platforms, multipart(part("last_name", "Doe"))).status == 200


def test_other_headers_of_a_part_are_no_matter(platforms):
    body = multipart("--x\r\ncontent-type: text/plain; charset=utf-8\r\n"
                     "CONTENT-DISPOSITION: form-data;name=last_name\r\n\r\nDoe\r\n")
    assert send(platforms, body).status == 200


@pytest.mark.parametrize("content_type, body", [
    ("multipart/form-data; boundary=x", multipart(part("date_of_birth", ""))),
    ("application/x-www-form-urlencoded", "date_of_birth=")])
def test_an_empty_date_of_a_form_is_none(platforms, content_type, body):
    answer = send(platforms, body, content_type)
    assert (answer.status, answer.json["date_of_birth"]) == (200, None)
    assert send(platforms, json.dumps({"date_of_birth": ""}), "application/json").status == 400


def test_a_file_is_no_text(platforms):
    files = [part(name, "x", '; filename="f"') for name in ("last_name", "date_of_birth")]
    answer = send(platforms, multipart(*files))
    assert (answer.status, answer.json) == (400, {
        "last_name": ["Not a valid string."],
        "date_of_birth": [
            "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]})
    none = multipart(part("last_name", "", '; filename=""'))
    assert send(platforms, none).json["last_name"] == "Doe"


def test_faults_are_told_as_for_json(platforms):
    answer = send(platforms, multipart(part("email", "nope"), part("address.city", "Reno")))
    required = ["This field is required."]
    assert (answer.status, answer.json) == (400, {
        "email": ["Enter a valid email address."],
        "address": {"street_address": required, "postal_code": required,
                    "state": required, "country": required}})


ONE = part("last_name", "Doe")
BAD = [
    ("multipart/form-data", multipart(ONE), "Invalid boundary in multipart"),
    ("multipart/form-data; boundary=", multipart(ONE), "Invalid boundary in multipart"),
    ("multipart/form-data; boundary=" + "x" * 71, multipart(ONE),
     "Invalid boundary in multipart"),
    ("multipart/form-data; boundary=y", multipart(ONE), "The boundary is missing"),
    (None, "", "The boundary is missing"),
    (None, "\r\n" + multipart(ONE), "The boundary is missing"),
    (None, multipart(ONE, end=""), "The end is missing"),
    (None, multipart(ONE, end="--x"), "Invalid header of a part"),
    (None, multipart(ONE, end="--x--\r\nmore"), "Data behind the end"),
    (None, multipart(ONE).replace("\r\n", "\n"), "Invalid header of a part"),
    (None, multipart(part("last_name", "Doe").replace(";", "")), "Invalid Content-Disposition"),
    (None, multipart(ONE.replace('"last_name"', '"last_name')), "Invalid Content-Disposition"),
    (None, multipart(ONE.replace("form-data", "attachment")), "Invalid Content-Disposition"),
    (None, multipart(ONE.replace('; name="last_name"', "")), "Invalid Content-Disposition"),
    (None, multipart("--x\r\nContent-Type: text/plain\r\n\r\nDoe\r\n"), "A part has no name"),
    (None, multipart("--x\r\nno header\r\n\r\nDoe\r\n"), "Invalid header of a part"),
    (None, multipart(ONE.replace("\r\n\r\n", "\r\nX: %s\r\n\r\n" % ("x" * 1024))),
     "Invalid header of a part"),
    (None, multipart(ONE.replace("\r\n\r\n",
                                 "\r\nContent-Transfer-Encoding: base64\r\n\r\n")),
     "A part has a transfer coding"),
    (None, multipart(ONE, ONE), "A name comes twice"),
    (None, multipart(part("a", "1"), part("a.b", "1")), "A name comes twice"),
    (None, multipart(*(part("n%d" % i, "") for i in range(65))), "Too many parts"),
    (None, multipart(part("last_name", "a\0")), "A part is no text in UTF-8"),
    (None, multipart(ONE).encode().replace(b"Doe", b"D\xff"), "A part is no text in UTF-8"),
]


@pytest.mark.parametrize("content_type, body, why", BAD, ids=[
    "%d-%s" % (i, row[2].replace(" ", "-")) for i, row in enumerate(BAD)])
def test_what_is_malformed_is_refused(platforms, content_type, body, why):
    answer = send(platforms, body, content_type or "multipart/form-data; boundary=x")
    assert (answer.status, answer.json) == (
        400, {"detail": "Multipart form parse error - " + why})


def test_a_malformed_form_is_refused(platforms):
    for body in ("a=1&a=2", "a=%4", "a=%00", "a=1&a.b=2"):
        answer = send(platforms, body, "application/x-www-form-urlencoded")
        assert (answer.status, answer.json) == (400, {
            "detail": "Form parse error - Malformed name or value, or a name twice"})


def test_only_the_django_style_reads_forms(platforms):
    for method, target in (("PATCH", "/api/customers/XAyRWNUzyN"),
                           ("PUT", "/api/v3/1003/customers/177737165")):
        answer = platforms.ask(method, target, {
            "Authorization": "Bearer your-access-token",
            "Content-Type": "multipart/form-data; boundary=x"}, multipart(ONE).encode())
        assert answer.status == 415
