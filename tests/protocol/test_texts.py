"""Bad texts (RELIABILITY 12.3) in every place where a text can stand."""

import msgpack
import pytest

from support.customerd import (Refused, fresh, get, must_create, must_update, refused)

NOT_UTF8 = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"a\x80",
            b"\xf8\x88\x80\x80\x80", b"\xc1\x81", b"\xf0\x80\x80\xaf"]
UNCLEAN = ["a\0b", "\x07", "\x7f", "\x85", "a\u202eb", "\u2066", "\ufffe", "\uffff"]
CLEAN = ["é", "e\u0301", "\u200b", "\ufeff", "\ue000", "👩‍👩‍👧", "\u0301\u0302", "   ", "עברית",
         "\U0001f512"]


@pytest.fixture
def ada(c):
    return must_create(c, email=fresh("ada") + "@example.com")


def raw_text(data):
    return b"\xd9" + bytes([len(data)]) + data


def raw_update(c, record, path, data):
    """Send an update whose text at PATH consists of the bytes DATA."""
    args = {"id": record["id"], "set": "PATCH"}
    fields = {"company": b"\x81\xa7company", "metadata value": b"\x81\xa8metadata\x81\xa1a",
              "key": b"\x81", "city": b"\x81\xafbilling_address\x81\xa4city",
              "tag": b"\x81\xa4tags\x91"}[path]
    value = fields + raw_text(data) + (b"\x01" if path == "key" else b"")
    packed = msgpack.packb([0, 1, "customer.update", [args]])
    c.send_raw(packed.replace(b"\xa5PATCH", value))
    return c.wait(1)


@pytest.mark.parametrize("path", ["company", "metadata value", "key", "city", "tag"])
def test_what_is_not_utf8_is_refused_wherever_it_stands(c, ada, path):
    for data in NOT_UTF8:
        with pytest.raises(Refused) as refusal:
            raw_update(c, ada, path, data)
        assert refusal.value.code == "INVALID"
    assert get(c, ada) == ada


def test_what_is_not_utf8_is_refused_in_arguments_and_meta(c, ada):
    for args in (b"\x81\xa5email", b"\x81\xa3uid", b"\x81\xa4slug"):
        c.send_raw(b"\x94\x00\x01" + msgpack.packb("customer.find") + b"\x91" + args +
                   raw_text(b"ada\xff@example.com"))
        with pytest.raises(Refused) as refusal:
            c.wait(1)
        assert refusal.value.code == "INVALID"
    c.send_raw(b"\x94\x00\x01\xa4ping\x92\x80\x81\xa5token" + raw_text(b"\xff\xfe" * 10))
    with pytest.raises(Refused) as refusal:
        c.wait(1)
    assert refusal.value.code in ("UNAUTHENTICATED", "INVALID")


def test_controls_and_what_reorders_text_are_refused(c, ada):
    for text in UNCLEAN:
        refused(c, "customer.update", {"id": ada["id"], "set": {
            "company": text, "metadata": {"a": text}, "billing_address": {"city": text}}},
            "INVALID", {"set.company": "BAD_TEXT", "set.metadata.a": "BAD_TEXT",
                        "set.billing_address.city": "BAD_TEXT"})
        refusal = refused(c, "customer.update", {"id": ada["id"], "set": {
            "metadata": {text: 1}}}, "INVALID")
        assert list(refusal.errors.values()) == ["BAD_TEXT"]


def test_every_other_text_is_kept_to_the_byte(c, ada):
    for text in CLEAN:
        record = must_update(c, ada, company=text, metadata={text: text},
                             billing_address={"city": text})
        assert (record["company"], record["metadata"], record["billing_address"]) == (
            text, {text: text}, {"city": text})


BAD_EMAILS = ["", "ada", "@example.com", "ada@", "a@b@example.com", "a b@example.com",
              " ada@example.com", "ada@example.com ", '"ada"@example.com', "ada@example.com.",
              "ada@exa mple.com", "ada@-example.com", "ada@example..com", "ada@example",
              "a@b.example\r\nBcc: x", ".ada@example.com", "ada.@example.com",
              "a..b@example.com", "ada@[192.0.2.1]", "ada<x>@example.com", "a,b@example.com",
              "x" * 65 + "@example.com", "ada\0@example.com", "ada@exam\u202eple.com"]
GOOD_EMAILS = ["x" * 64 + "@example.com", "a+b@example.com", "o'hara@example.com",
               "ädä@example.com", "ada@bücher.example", "ADA@EXAMPLE.COM", "1@example.com",
               "a_b-c.d@sub.example.co"]


@pytest.mark.parametrize("email", BAD_EMAILS)
def test_what_is_no_email_is_refused(c, ada, email):
    refusal = refused(c, "customer.update", {"id": ada["id"], "set": {"email": email}}, "INVALID")
    assert list(refusal.errors) == ["set.email"]


@pytest.mark.parametrize("email", GOOD_EMAILS)
def test_what_is_an_email_is_kept_as_sent_and_found(c, ada, email):
    assert must_update(c, ada, email=email)["email"] == email
    assert c.call("customer.find", {"email": email})["id"] == ada["id"]
    assert c.call("customer.find", {"email": email.upper()})["id"] == ada["id"]


def test_an_email_has_at_most_254_bytes(c, ada):
    def email(size):
        domain = "." .join(["d" * 60] * 3) + ".com"
        return "x" * (size - len(domain) - 1) + "@" + domain
    assert must_update(c, ada, email=email(251))["email"] == email(251)
    refused(c, "customer.update", {"id": ada["id"], "set": {"email": email(251) + "m" * 4}},
            "INVALID", {"set.email": "TOO_LONG"})


@pytest.mark.parametrize("one, other", [
    ("ada@bücher.example", "ada@xn--bcher-kva.example"), ("é@example.com", "e\u0301@example.com"),
    ("strasse@example.com", "STRASSE@example.com"), ("Ä@example.com", "ä@example.com")])
def test_emails_that_look_alike_are_one(c, ada, one, other):
    must_create(c, email=one)
    refused(c, "customer.create", {"set": {"email": other}}, "INVALID", {"set.email": "TAKEN"})


@pytest.mark.parametrize("date", ["0000-00-00", "9999-12-32", "2023-02-29", "-001-01-01",
                                  "2023-2-01", "２０２３-01-01", "1900-02-29"])
def test_a_day_that_does_not_exist_is_refused(c, ada, date):
    refusal = refused(c, "customer.update", {"id": ada["id"], "set": {"date_of_birth": date}},
                      "INVALID")
    assert list(refusal.errors) == ["set.date_of_birth"]


@pytest.mark.parametrize("date", ["0001-01-01", "2000-02-29", "9999-12-31"])
def test_a_day_that_exists_is_taken(c, ada, date):
    assert must_update(c, ada, date_of_birth=date)["date_of_birth"] == date


@pytest.mark.parametrize("country", ["de", "DEU", "ZZ", "D", "", "Ｄ1"])
def test_a_country_is_two_capitals_of_the_standard(c, ada, country):
    refusal = refused(c, "customer.update", {"id": ada["id"], "set": {
        "billing_address": {"country_code": country}}}, "INVALID")
    assert list(refusal.errors) == ["set.billing_address.country_code"]


@pytest.mark.parametrize("key", ["", "x" * 255, "__proto__", "constructor", "a.b", "$a", " "])
def test_keys_of_metadata_are_kept_as_sent(c, ada, key):
    try:
        assert must_update(c, ada, metadata={key: 1})["metadata"] == {key: 1}
    except Refused as refusal:
        assert key == "" and refusal.code == "INVALID"


@pytest.mark.parametrize("key", [5, None, b"a", True, 1.5])
def test_keys_of_metadata_are_texts(c, ada, key):
    packer = msgpack.Packer()
    metadata = packer.pack_map_header(1) + packer.pack(key) + packer.pack(1)
    packed = msgpack.packb([0, 1, "customer.update", [{"id": ada["id"],
                                                       "set": {"metadata": "HERE"}}]])
    c.send_raw(packed.replace(b"\xa4HERE", metadata))
    with pytest.raises(Refused) as refusal:
        c.wait(1)
    assert refusal.value.code == "INVALID"


def test_thousands_of_keys_are_too_many(c, ada):
    refusal = refused(c, "customer.update", {"id": ada["id"], "set": {
        "metadata": {"k%d" % n: n for n in range(10000)}}}, "INVALID")
    assert list(refusal.errors) == ["set.metadata"]


def test_a_text_of_a_megabyte_is_refused(c, ada):
    for field in ("company", "notes", "password", "email", "metadata"):
        value = "x" * 1_000_000
        refusal = refused(c, "customer.update", {"id": ada["id"], "set": {
            field: {"a": value} if field == "metadata" else value}}, "INVALID")
        assert [path.split(".")[1] for path in refusal.errors] == [field]


@pytest.mark.parametrize("tags", [[None], [[]], ["a", None], [7], [""], ["a b"], ["x" * 26],
                                  "vip", {"a": "b"}, ["ä"], [b"vip"]])
def test_tags_are_a_list_of_tags(c, ada, tags):
    for arguments in ({"add_tags": tags}, {"remove_tags": tags}, {"set": {"tags": tags}}):
        refusal = refused(c, "customer.update", {"id": ada["id"], **arguments}, "INVALID")
        assert all("tags" in path for path in refusal.errors)


def test_a_tag_that_is_named_twice_is_one_tag(c, ada):
    name = must_create(c, "tag", name=fresh("tag"))["name"]
    answer = c.call("customer.update", {"id": ada["id"], "add_tags": [name, name, name.upper()],
                                        "want": "record"})
    assert answer["tags"] == [name]


def test_ten_thousand_tags_are_too_many(c, ada):
    for arguments, path in (({"add_tags": ["t"] * 10_000}, "add_tags"),
                            ({"set": {"tags": ["t"] * 10_000}}, "set.tags")):
        refused(c, "customer.update", {"id": ada["id"], **arguments}, "INVALID",
                {path: "TOO_MANY"})


def test_no_error_repeats_what_was_sent(c, ada):
    canary = "CANARY\x1b[31m"
    for fields in ({"email": canary}, {"company": canary}, {"date_of_birth": canary},
                   {"language": canary}, {"contacts": [{"type": canary}]}):
        refusal = refused(c, "customer.update", {"id": ada["id"], "set": fields}, "INVALID")
        assert "CANARY" not in str(refusal.map)
