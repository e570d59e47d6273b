"""Who may do what: scopes, bound tokens, stores that do not exist for each other."""

import time

import msgpack
import pytest

from support.customerd import (SCOPES, Refused, Shop, describe, fresh, get, must_create,
                               must_update, refused, wait_until)

# What a call of each verb needs to get past the arguments, or at least to them.
ARGUMENTS = {"get": {"id": 1}, "delete": {"id": 2**53 - 1}, "find": {}, "list": {},
             "create": {"set": {}}, "update": {"id": 2**53 - 1, "set": {}},
             "update_many": {"updates": []}, "create_many": {"creates": []}, "verify_password": {"id": 1, "password": "x"},
             "anonymize": {"id": 2**53 - 1, "anonymize": "cancel"}, "status": {}, "backup": {"directory": "/etc"}, "scrub": {},
             "read": {}, "history": {"id": 2**53 - 1}, "subscribe": {"credit": 1},
             "credit": {"subscription": 404, "credit": 1}, "unsubscribe": {"subscription": 404}}
DENIED = ("UNAUTHENTICATED", "FORBIDDEN")


def outcome(c, method):
    """The code that METHOD is answered with, in a way that changes nothing."""
    try:
        c.call(method, ARGUMENTS[method.split(".")[1]])
        return "OK"
    except Refused as refusal:
        return refusal.code


def guarded_methods():
    return [m for m in describe()["methods"] if m["scope"]]


def test_a_token_with_one_scope_may_call_exactly_the_methods_of_that_scope(shop):
    must_create(shop.c)
    for scope in SCOPES:
        clerk = shop.dial([scope])
        for method in guarded_methods():
            code = outcome(clerk, method["name"])
            assert (code not in DENIED) == (method["scope"] == scope), \
                "%s with %s answers %s" % (method["name"], scope, code)


def test_a_token_without_one_scope_may_call_everything_else(shop):
    for scope in SCOPES:
        clerk = shop.dial([other for other in SCOPES if other != scope])
        for method in guarded_methods():
            code = outcome(clerk, method["name"])
            permitted = method["scope"] not in (scope, "operate")
            assert (code not in DENIED) == permitted, \
                "%s without %s answers %s" % (method["name"], scope, code)


def test_without_a_token_tcp_may_only_say_hello_and_ping(server):
    nobody = server.dial()
    for method in guarded_methods():
        assert outcome(nobody, method["name"]) == "UNAUTHENTICATED", method["name"]
    assert nobody.call("ping")["time"] > 0
    assert nobody.call("hello")["identity"] is None
    nobody.close()


def test_an_operator_manages_stores_and_tokens_and_nothing_else(shop):
    for method in guarded_methods():
        code = outcome(shop.operator, method["name"])
        operate = method["scope"] == "operate" or \
            method["name"] == "store.get" or method["name"].startswith("change.")
        assert (code not in DENIED) == operate, "%s answers %s" % (method["name"], code)
    refusal = refused(shop.operator, "customer.list", {}, "FORBIDDEN")
    assert refusal.map["message"] == "this needs a token of a store"


def test_the_scope_operate_cannot_be_given_to_a_token(shop):
    refused(shop.operator, "token.create", {"set": {
        "name": "root", "store": shop.store, "scopes": ["operate"]}}, "INVALID",
        {"set.scopes": "FORBIDDEN"})
    shop.token()
    refused(shop.operator, "token.update", {"id": shop.last_token["id"], "set": {
        "scopes": ["operate"]}}, "INVALID", {"set.scopes": "FORBIDDEN"})


def test_an_operator_who_shows_a_token_is_that_token(shop):
    token = shop.token(["customers.read"])
    assert shop.operator.call("customer.list", token=token)["items"] == []
    identity = shop.operator.call("hello", {"token": token})["identity"]
    assert identity == {"store": shop.store, "customer": None, "scopes": ["customers.read"],
                        "expires_at": None}
    refused(shop.operator, "store.list", {}, "FORBIDDEN")


# -- tokens come and go --------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", "cst_", "cst_" + "A" * 43, "x" * 512, "Ω" * 100])
def test_a_bad_token_is_unauthenticated(shop, token):
    if len(token) >= 10:
        refused(shop.dial_token(), "hello", {"token": token}, "UNAUTHENTICATED")
    try:
        shop.dial_token().call("customer.list", token=token)
        raise AssertionError("took a bad token")
    except Refused as refusal:
        assert refusal.code in ("UNAUTHENTICATED", "INVALID")


def test_a_token_is_compared_to_its_last_byte(shop):
    token = shop.token()
    last = "A" if token[-1] != "A" else "B"
    for wrong in (token[:-1] + last, token[:-1], token + "A", token + "\n", token.upper()):
        try:
            shop.dial_token().call("hello", {"token": wrong})
            raise AssertionError("took a wrong token")
        except Refused as refusal:
            assert refusal.code in ("UNAUTHENTICATED", "INVALID")


def test_a_bad_hello_leaves_no_identity(shop, c):
    refused(c, "hello", {"token": "no such token"}, "UNAUTHENTICATED")
    refused(c, "customer.list", {}, "UNAUTHENTICATED")
    c.call("hello", {"token": shop.token()})
    c.call("customer.list")


def test_each_request_is_judged_by_the_hello_before_it(shop):
    """Two hellos and three calls in one write."""
    one, two = shop.token(["customers.read"]), shop.token(["groups.read"])
    nobody = shop.dial_token()
    nobody.send_raw(b"".join(msgpack.packb(nobody.request(n, method, args)) for n, (method, args)
                             in enumerate([("customer.list", {}), ("hello", {"token": one}),
                                           ("customer.list", {}), ("hello", {"token": two}),
                                           ("customer.list", {}), ("group.list", {})])))
    codes = []
    for n in range(6):
        try:
            nobody.wait(n)
            codes.append("OK")
        except Refused as refusal:
            codes.append(refusal.code)
    assert codes == ["UNAUTHENTICATED", "OK", "OK", "OK", "FORBIDDEN", "OK"]


def test_a_flood_of_wrong_tokens_harms_nobody(shop, c):
    ada = must_create(c)
    for _ in range(100):
        nobody = shop.dial_token()
        for n in range(100):
            nobody.send("customer.list", token="wrong token %d" % n)
        assert nobody.refusal() == "UNAUTHENTICATED"
    assert get(c, ada) == ada


def test_who_only_guesses_tokens_is_cut_off_and_others_are_not(shop):
    guesser = shop.dial_token()
    for i in range(16):
        with pytest.raises(Refused) as refusal:
            guesser.call("customer.list", {}, token="guess-%d" % i)
        assert refusal.value.code == "UNAUTHENTICATED"
    assert guesser.refusal() == "UNAUTHENTICATED"
    # Somebody known may pass on what others guess.
    for i in range(40):
        with pytest.raises(Refused):
            shop.c.call("customer.list", {}, token="guess-%d" % i)
    assert shop.c.call("customer.list")["total"] >= 0


def test_a_right_token_in_between_ends_the_count(shop):
    right = shop.token()
    somebody = shop.dial_token()
    for i in range(40):
        token = right if i % 15 == 14 else "wrong-token"
        try:
            somebody.call("customer.list", {}, token=token)
        except Refused as refusal:
            assert refusal.code == "UNAUTHENTICATED" and token != right
    somebody.call("ping")


def test_a_token_in_meta_counts_for_one_request(shop):
    nobody = shop.dial_token()
    token = shop.token()
    assert nobody.call("customer.list", token=token)["items"] == []
    refused(nobody, "customer.list", {}, "UNAUTHENTICATED")


def test_a_token_in_meta_goes_over_that_of_the_connection(shop, c):
    refused(c, "customer.list", {}, "FORBIDDEN", token=shop.token(["groups.read"]))
    refused(c, "customer.list", {}, "UNAUTHENTICATED", token="no such token")
    c.call("customer.list")


def test_a_deleted_token_ends_at_the_next_request_of_open_connections(shop):
    clerk = shop.dial(["customers.read"])
    clerk.call("customer.list")
    shop.operator.call("token.delete", {"id": shop.last_token["id"]})
    refused(clerk, "customer.list", {}, "UNAUTHENTICATED")


def test_a_changed_token_counts_from_the_next_request_of_open_connections(shop):
    clerk = shop.dial(["customers.read"])
    shop.operator.call("token.update", {"id": shop.last_token["id"],
                                        "set": {"scopes": ["groups.read"]}})
    refused(clerk, "customer.list", {}, "FORBIDDEN")
    clerk.call("group.list")


def test_an_expired_token_is_unauthenticated(shop):
    now = int(time.time() * 1000)
    refused(shop.dial_token(), "hello", {"token": shop.token(expires_at=now - 1000)},
            "UNAUTHENTICATED")
    clerk = shop.dial(expires_at=now + 3_600_000)
    clerk.call("customer.list")
    shop.operator.call("token.update", {"id": shop.last_token["id"],
                                        "set": {"expires_at": now - 1000}})
    refused(clerk, "customer.list", {}, "UNAUTHENTICATED")


def test_an_expired_token_is_deleted(shop):
    shop.token(expires_at=int(time.time() * 1000) - 1)
    wait_until(lambda: all(token["id"] != shop.last_token["id"] for token in
                           shop.operator.call("token.list", {"store": shop.store})["items"]),
               "the token to go")


def test_hello_tells_who_one_is(shop, c):
    ada = must_create(c)
    expires = int(time.time() * 1000) + 3_600_000
    token = shop.token(["customers.read", "store.read"], customer=ada["id"],
                       expires_at=expires)
    identity = shop.dial_token().call("hello", {"token": token})["identity"]
    assert sorted(identity.pop("scopes")) == ["customers.read", "store.read"]
    assert identity == {"store": shop.store, "customer": ada["id"], "expires_at": expires}


# -- bound tokens --------------------------------------------------------------------------


def test_a_bound_token_reaches_its_own_customer_only(shop, c):
    ada, eve = must_create(c), must_create(c)
    own = shop.dial(customer=ada["id"])
    assert get(own, ada)["id"] == ada["id"]
    assert own.call("customer.get", {"uid": ada["uid"]})["id"] == ada["id"]
    for key in ({"id": eve["id"]}, {"uid": eve["uid"]}):
        refused(own, "customer.get", key, "FORBIDDEN")
        refused(own, "customer.update", {**key, "set": {"company": "x"}}, "FORBIDDEN")
        refused(own, "customer.delete", key, "FORBIDDEN")
    refused(own, "customer.get", {"id": 2**53 - 1}, "NOT_FOUND")
    assert get(c, eve) == eve


def test_a_bound_token_may_call_exactly_the_methods_for_ones_own_record(shop, c):
    ada = must_create(c)
    own = shop.dial(customer=ada["id"])
    for method in guarded_methods():
        verb = method["name"].split(".")[1]
        arguments = ({"id": ada["id"], "password": "x"} if "OWN" in method["flags"]
                     else ARGUMENTS[verb])
        try:
            own.call(method["name"], arguments, dry_run=True)
            code = "OK"
        except Refused as refusal:
            code = refusal.code
        assert (code != "FORBIDDEN") == ("OWN" in method["flags"]), \
            "%s answers %s" % (method["name"], code)


# -- stores ---------------------------------------------------------------------------------


def raw_answer(c, method, arguments):
    """The answer as the bytes that arrive."""
    c.send_raw(msgpack.packb([0, 7, method, [arguments]]))
    data = b""
    while True:
        data += c.sock.recv(1 << 16)
        unpacker = msgpack.Unpacker()
        unpacker.feed(data)
        try:
            unpacker.skip()
            return data
        except msgpack.OutOfData:
            continue


def test_a_foreign_record_answers_byte_for_byte_like_a_missing_one(server, shop):
    other = Shop(server)
    records = {"customer": must_create(shop.c, email="ada@example.com", first_name="Ada",
                                       reference="erp"),
               "group": must_create(shop.c, "group", name="VIP", reference="erp"),
               "tag": must_create(shop.c, "tag", name="vip"),
               "store": {"id": shop.store}}
    foreign = {key: value for noun, record in records.items()
               for key, value in [((noun, "id"), {"id": record["id"]}),
                                  ((noun, "uid"), {"uid": record.get("uid")})] if value}
    missing = {"id": {"id": 2**53 - 1}, "uid": {"uid": "zzzzzzzzzz"}}
    extra = {"update": {"set": {}}, "verify_password": {"password": "x"},
             "anonymize": {"anonymize": "request"}}
    compared = 0
    for method in guarded_methods():
        noun, verb = method["name"].split(".")
        if "id" not in method["args"] or verb == "create" or method["scope"] == "operate":
            continue
        for key in ("id", "uid"):
            if not foreign.get((noun, key), {}).get(key):
                continue
            if verb == "update":
                extra["update"] = {"set": {"metadata": {}} if noun != "tag" else {"name": "x"}}
            both = [raw_answer(other.c, method["name"], {**arguments, **extra.get(verb, {})})
                    for arguments in (foreign[noun, key], missing[key])]
            assert both[0] == both[1], method["name"]
            compared += 1
    assert compared >= 12
    for method, arguments in (("customer.find", {"email": "ada@example.com"}),
                              ("customer.find", {"slug": "ada"}),
                              ("customer.find", {"reference": "erp"}),
                              ("group.find", {"reference": "erp"}),
                              ("tag.find", {"name": "vip"})):
        assert raw_answer(other.c, method, arguments) == raw_answer(
            other.c, method, {key: "nobody@example.com" for key in arguments}
            if "email" in arguments else {key: "nobody" for key in arguments})
    other.close()


@pytest.mark.parametrize("noun", ["customer", "group", "tag"])
def test_a_deleted_record_answers_byte_for_byte_like_one_that_never_was(c, noun):
    fields = {"email": "ada@example.com"} if noun == "customer" else {"name": "vip"}
    record = must_create(c, noun, **fields)
    c.call(noun + ".delete", {"id": record["id"]})
    for verb in ("get", "delete"):
        for key, missing in (("id", 2**53 - 1), ("uid", "zzzzzzzzzz")):
            method = "%s.%s" % (noun, verb)
            assert raw_answer(c, method, {key: record[key]}) == raw_answer(
                c, method, {key: missing})


def test_what_one_store_does_changes_nothing_in_another(server, shop):
    other = Shop(server)
    mine = must_create(shop.c, email="ada@example.com", first_name="Ada", reference="erp")
    theirs = must_create(other.c, email="ada@example.com", first_name="Ada", reference="erp")
    assert theirs["slug"] == "ada"
    must_update(other.c, theirs, company="Engines")
    other.c.call("customer.delete", {"id": theirs["id"]})
    assert get(shop.c, mine) == mine
    assert shop.c.call("customer.list")["total"] == 1
    assert other.c.call("customer.list")["total"] == 0
    other.close()


def test_a_filter_for_a_foreign_group_finds_nothing(server, shop):
    other = Shop(server)
    group = must_create(shop.c, "group", name="VIP")
    must_create(shop.c, group=group["id"])
    assert other.c.call("customer.list", {"group": group["id"]})["items"] == []
    other.close()


def test_an_identity_names_no_other_store(server, shop):
    """A store that is named in any argument is not looked at."""
    other = Shop(server)
    must_create(shop.c)
    assert other.c.call("customer.list", {"store": shop.store})["items"] == []
    name = fresh("tag")
    refused(other.c, "tag.create", {"store": shop.store, "set": {"name": name}}, "INVALID",
            {"store": "UNKNOWN_FIELD"})
    other.close()
