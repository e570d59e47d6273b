"""customerctl: records shown, listed, created, changed and deleted in sentences."""

import json
import os
import pty
import subprocess
import time

import pytest

from support.customerctl import CUSTOMERCTL, DONE, REFUSED, USAGE, ctl_tcp, ctl_unix
from support.customerd import PATIENCE_S, get, must_create


@pytest.fixture
def run(server, shop):
    """Runs a command as the shop's token."""
    token = shop.token(user={"id": "u1"})
    return lambda *words, **more: ctl_tcp(server, *words, token=token, **more)


def test_create_show_update_delete(run, shop):
    id = run("customer", "create", "email=ada@example.com", "first_name=Ada",
             "--quiet").out.strip()
    shown = run("customer", "show", id)
    assert "email              ada@example.com\n" in shown.out and shown.said == ""
    for name in (id, "ada@example.com", shown.out.split("uid")[1].split()[0]):
        assert run("customer", "show", name, "--json").json()["first_name"] == "Ada"
    assert run("customer", "update", "ADA@example.com", "phone=1",
               "--if-revision", "1", "--json").json()["revision"] == 2
    late = run("customer", "update", id, "phone=2", "--if-revision", "1")
    assert late.status == REFUSED and "REVISION_MISMATCH" in late.said and late.out == ""
    assert "the revision is 2\n" in late.said
    assert run("customer", "delete", id, "--quiet").out == ""
    assert run("customer", "show", id).status == REFUSED


def test_fields_are_typed_by_the_table(run, shop):
    must_create(shop.c, "tag", name="vip")
    must_create(shop.c, "tag", name="gold")
    run("customer", "create", "email=ada@example.com", "tags=vip, gold",
        "total_orders_count=2", "tax_id_valid=false", "date_of_birth=1815-12-10",
        'metadata={"level": 3}', "billing_address.city=London",
        "billing_address.country_code=GB", "channel_ids=3,4", "phone=007",
        'form_fields:=[{"name": "n", "value": "v"}]', "last_name:=\"\"", "company=")
    ada = shop.c.call("customer.find", {"email": "ada@example.com"})
    assert ada["tags"] == ["vip", "gold"] or ada["tags"] == ["gold", "vip"]
    assert ada["total_orders_count"] == 2 and ada["tax_id_valid"] is False
    assert ada["metadata"] == {"level": 3} and ada["channel_ids"] == [3, 4]
    assert ada["billing_address"] == {"city": "London", "country_code": "GB"}
    assert ada["phone"] == "007" and ada["date_of_birth"] == "1815-12-10"
    assert ada["form_fields"] == [{"name": "n", "value": "v"}]
    assert ada["last_name"] == "" and "company" not in ada


def test_nothing_behind_the_sign_clears_the_field(run, shop):
    ada = must_create(shop.c, phone="1", company="c")
    assert run("customer", "update", str(ada["id"]), "phone=").status == DONE
    assert "phone" not in get(shop.c, ada) and get(shop.c, ada)["company"] == "c"


def test_a_value_may_come_from_a_file(run, shop, tmp_path):
    ada = must_create(shop.c)
    (tmp_path / "notes").write_text("two\nlines\n")
    run("customer", "update", str(ada["id"]), "notes@%s" % (tmp_path / "notes"),
        "password@-", stdin="secret\n")
    assert get(shop.c, ada)["notes"] == "two\nlines"
    assert run("customer", "verify", str(ada["id"]), stdin="secret\n").status == DONE
    assert run("customer", "verify", ada["email"], stdin="secret").status == DONE
    wrong = run("customer", "verify", ada["email"], stdin="other\n")
    assert wrong.status == REFUSED and wrong.out == "the password does not match\n"
    assert run("customer", "verify", ada["email"]).status == USAGE


@pytest.mark.parametrize("word, hint", [
    ("emial=a@b.example", 'perhaps "email"?'), ("colour=red", 'no field "colour"'),
    ("total_orders_count=many", "is a whole number"), ("tax_exempt=maybe", "true or false"),
    ("metadata={", "is JSON"), ("metadata:={", "is no JSON"), ("phone@/no/such", "No such"),
    ("billing_address.town=x", 'address has no field "town"'),
    ("contacts.0.type=EMAIL", 'nothing below "contacts"')])
def test_a_field_that_is_wrong_is_refused_with_a_hint_before_anything_is_sent(word, hint):
    done = ctl_tcp(type("Nobody", (), {"address": ("127.0.0.1", 1)}),
                   "customer", "create", "email=a@b.example", word)
    assert done.status == USAGE and hint in done.said
    assert "customerctl help customer create lists the fields" in done.said


def test_an_update_does_not_replace_an_object_by_one_of_its_parts(run, shop):
    ada = must_create(shop.c, billing_address={"city": "London", "street": "1"})
    done = run("customer", "update", str(ada["id"]), "billing_address.city=Paris")
    assert done.status == USAGE and "billing_address:={" in done.said
    assert get(shop.c, ada) == ada


def test_what_is_wrong_for_the_server_names_the_field(run):
    done = run("customer", "create", "email=nobody", "language=klingonese_tlhIngan")
    assert done.status == REFUSED and "set.email has the wrong format" in done.said


def test_lists_are_tables_for_people_and_lines_for_programs(run, shop):
    must_create(shop.c, "tag", name="vip")
    for name in ("Ada", "Grace", "Zoë"):
        must_create(shop.c, first_name=name, tags=["vip"] if name == "Zoë" else [])
    done = run("customer", "list")
    lines = done.out.splitlines()
    assert lines[0].startswith("id  uid") and len(lines) == 4 and done.said == ""
    assert len({line.index("example.com") for line in lines[1:]}) == 1
    items = [json.loads(line) for line in run("customer", "list", "--json").out.splitlines()]
    assert [item["first_name"] for item in items] == ["Ada", "Grace", "Zoë"]
    first = run("customer", "list", "--limit", "1", "--columns", "first_name")
    assert first.out == "first_name\nAda\n"
    assert first.said == "there are more: --after %d\n" % items[0]["id"]
    rest = run("customer", "list", "--after", str(items[0]["id"]), "--tag", "vip", "--json",
               "--columns", "id,first_name")
    assert rest.json() == {"id": items[2]["id"], "first_name": "Zoë"}
    assert run("customer", "list", "--tag", "nobody-has-it").out == ""


def test_tags_are_given_and_taken(run, shop):
    ada = must_create(shop.c)
    assert run("tag", "create", "name=VIP").status == DONE
    assert run("tag", "create", "name=gold").status == DONE
    assert run("customer", "tag", str(ada["id"]), "vip", "gold").status == DONE
    assert run("customer", "untag", ada["uid"], "vip", "--quiet").out == ""
    assert get(shop.c, ada)["tags"] == ["gold"]
    assert run("tag", "update", "gold", "name=silver").status == DONE
    assert get(shop.c, ada)["tags"] == ["silver"]
    assert "silver" in run("tag", "show", "silver").out
    assert run("tag", "delete", "silver").status == DONE
    assert run("tag", "show", "silver").status == REFUSED


def test_groups_by_id_and_uid(run):
    id = run("group", "create", "name=Wholesale", "--quiet").out.strip()
    group = run("group", "show", id, "--json").json()
    assert run("group", "update", group["uid"], "reference=erp-7").status == DONE
    assert run("group", "list", "--reference", "erp-7", "--json").json()["id"] == group["id"]
    assert run("group", "delete", id).status == DONE


def test_anonymisation_is_asked_for_and_withdrawn(run, shop):
    ada = must_create(shop.c)
    assert run("customer", "anonymize", str(ada["id"])).status == DONE
    assert get(shop.c, ada)["anonymization"]["status"] == "requested"
    assert run("customer", "anonymize", str(ada["id"]), "cancel").status == DONE
    assert get(shop.c, ada)["anonymization"]["status"] == "cancelled"


def test_history_and_changes_say_who_did_what(run, shop):
    ada = must_create(shop.c, first_name="Ada")
    run("customer", "update", str(ada["id"]), "phone=1", "--quiet")
    history = run("customer", "history", ada["email"])
    assert history.out.splitlines()[1].split()[2:4] == ["update", "2"]
    assert run("customer", "history", str(ada["id"]), "--limit", "1").said.startswith(
        "there are more: --before ")
    changes = [json.loads(line) for line in run("change", "read", "--json").out.splitlines()]
    assert [change["seq"] for change in changes] == [1, 2]
    one = run("change", "read", "--after", "1", "--kind", "customer", "--id", str(ada["id"]))
    assert len(one.out.splitlines()) == 2 and "phone" in one.out
    assert "up to 2" in run("change", "read", "--limit", "1").said


def test_a_dry_run_changes_nothing_and_says_so(run, shop):
    ada = must_create(shop.c)
    done = run("customer", "update", str(ada["id"]), "phone=1", "--dry-run")
    assert done.status == DONE and "dry run" in done.said
    assert get(shop.c, ada) == ada


def test_under_an_idempotency_key_a_record_is_created_once(run, shop):
    words = ["group", "create", "name=G", "--quiet", "--idempotency-key", "once"]
    assert run(*words).out == run(*words).out
    assert shop.c.call("group.list")["total"] == 1


# ---- stores and tokens ----


def test_an_operator_makes_stores_and_tokens(server):
    store = ctl_unix(server, "store", "create", "name=Shop of a test", "mode=live",
                     "languages=en,fr", "--quiet").out.strip()
    secret = ctl_unix(server, "token", "create", "name=t", "--store", store, "--scopes",
                      "customers.read,customers.write", "--expires", "30d", "--quiet")
    assert secret.said == "" and secret.out.startswith("cst_") and secret.out.count("\n") == 1
    token = ctl_unix(server, "token", "list", "--store", store, "--json").json()
    assert token["scopes"] == ["customers.read", "customers.write"]
    assert abs(token["expires_at"] / 1000 - time.time() - 30 * 86400) < PATIENCE_S
    assert ctl_tcp(server, "customer", "list", token=secret.out.strip()).status == DONE
    assert ctl_unix(server, "store", "update", store, "mode=test").status == DONE
    assert ctl_unix(server, "store", "show", store, "--json").json()["mode"] == "test"
    assert ctl_unix(server, "token", "delete", str(token["id"])).status == DONE
    assert ctl_tcp(server, "customer", "list", token=secret.out.strip()).status == REFUSED


def test_a_token_is_shown_with_its_secret_once(server, shop):
    ada = must_create(shop.c)
    done = ctl_unix(server, "token", "create", "name=t", "store=%d" % shop.store,
                    "--scopes", "all", "--customer", str(ada["id"]))
    assert "cst_" in done.out and "not shown again" in done.said
    token = done.out.split("token")[-1].split()[0]
    assert ctl_tcp(server, "customer", "show", str(ada["id"]), token=token).status == DONE
    assert ctl_tcp(server, "customer", "list", token=token).status == REFUSED
    assert ctl_unix(server, "token", "create", "name=t", "--store", "x").status == USAGE
    wrong = ctl_unix(server, "token", "create", "name=t", "--scopes", "customers")
    assert wrong.status == USAGE and "customers.read" in wrong.said


@pytest.mark.parametrize("text, time_ms", [
    ("2030-12-31", 1924905600000), ("2030-12-31T23:59:59Z", 1924991999000),
    ("2030-12-31T23:59:59.5Z", 1924991999500), ("2028-02-29T00:00:00.007Z", 1835395200007),
    ("1924905600000", 1924905600000), ("2030-02-30", None), ("2030-13-01", None),
    ("2030-12-31T24:00:00Z", None), ("2030-12-31T23:59:59", None), ("2030-12-31x", None),
    ("2030-1-1", None), ("tomorrow", None), ("12y", None), ("d", None), ("-1", None),
    ("99999999999999d", None)])
def test_times_are_written_in_several_ways(server, shop, text, time_ms):
    shop.token()
    id = str(shop.last_token["id"])
    done = ctl_unix(server, "token", "update", id, "expires_at=" + text)
    if time_ms is None:
        assert done.status == USAGE and "expires_at is a time" in done.said
        return
    token = ctl_unix(server, "token", "show", id, "--columns", "expires_at", "--json")
    assert token.json() == {"expires_at": time_ms}
    shown = ctl_unix(server, "token", "show", id, "--columns", "expires_at").out.split()[1]
    assert ctl_unix(server, "token", "update", id, "expires_at=" + shown,
                    "--json").json()["changed"] is False


def test_a_token_shows_its_own_store_without_naming_it(run, shop):
    assert run("store", "show", "--json").json()["id"] == shop.store


# ---- terminals ----


def on_terminal(server, token, *words, **environment):
    """What a command writes on a terminal."""
    master, slave = pty.openpty()
    variables = {**os.environ, "TERM": "xterm", "NO_COLOR": "", **environment,
                 "CUSTOMERD_TOKEN": token}
    done = subprocess.Popen([CUSTOMERCTL, "--unix", server.unix, *words], stdin=slave,
                            stdout=slave, stderr=slave, env=variables)
    os.close(slave)
    said = b""
    try:
        while data := os.read(master, 65536):
            said += data
    except OSError:
        pass
    os.close(master)
    assert done.wait(PATIENCE_S) == DONE, said
    return said.decode()


def test_colours_are_for_terminals_that_want_them(server, shop):
    must_create(shop.c)
    token = shop.token()
    assert "\033[" in on_terminal(server, token, "customer", "list")
    assert "\033[" not in on_terminal(server, token, "customer", "list", NO_COLOR="1")
    assert "\033[" not in on_terminal(server, token, "customer", "list", TERM="dumb")
    assert "\033" not in ctl_tcp(server, "customer", "list", token=token).out
