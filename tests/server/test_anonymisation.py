"""The life of an anonymisation: requested, cancelled, completed, erased."""

import pytest

from support.customerd import (Refused, Shop, describe, fresh, get, must_create, must_update,
                               refused, wait_until)

USER = {"id": "fdgt56hh", "first_name": "Travis", "last_name": "Muller",
        "email": "test@labadie.example.com"}


@pytest.fixture
def officer(shop):
    """A token of a person who may ask for anonymisation."""
    return shop.dial(user=USER)


@pytest.fixture
def ada(c):
    return must_create(c, first_name="Ada")


def anonymize(c, record, word, **more):
    return c.call("customer.anonymize", {"id": record["id"], "anonymize": word,
                                         "want": "record", **more})


def test_a_request_is_noted_with_its_time_and_requester(officer, ada):
    record = anonymize(officer, ada, "request")
    info = record["anonymization"]
    assert info["status"] == "requested" and info["requester"] == USER
    assert info["requested_at"] == record["updated_at"] and record["revision"] == 2
    assert info["due_at"] - info["requested_at"] == 24 * 3600 * 1000
    assert record["first_name"] == "Ada"


def test_the_requester_is_the_user_of_the_token_and_no_other(c, officer, ada):
    refused(officer, "customer.update", {
        "id": ada["id"], "set": {"anonymization": {"status": "completed"}}}, "INVALID",
        {"set.anonymization": "READ_ONLY"})
    refused(c, "customer.anonymize", {"id": ada["id"], "anonymize": "request"}, "FORBIDDEN")
    assert get(c, ada) == ada


def test_an_update_may_ask_as_well(officer, ada):
    record = officer.call("customer.update", {"id": ada["id"], "anonymize": "request",
                                              "set": {"company": "x"}, "want": "record"})
    assert record["anonymization"]["status"] == "requested" and record["company"] == "x"
    record = officer.call("customer.update", {"id": ada["id"], "anonymize": "cancel",
                                              "want": "record"})
    assert record["anonymization"]["status"] == "cancelled"


def test_anonymisation_needs_its_scope(shop, ada):
    clerk = shop.dial(["customers.read", "customers.write"], user=USER)
    refused(clerk, "customer.anonymize", {"id": ada["id"], "anonymize": "request"}, "FORBIDDEN")
    refused(clerk, "customer.update", {"id": ada["id"], "anonymize": "request"}, "FORBIDDEN")


def test_a_request_can_be_cancelled_and_made_again(officer, ada):
    anonymize(officer, ada, "request")
    info = anonymize(officer, ada, "cancel")["anonymization"]
    assert info["status"] == "cancelled" and info["cancellation_requester"] == USER
    assert info["cancelled_at"] >= info["requested_at"]
    info = anonymize(officer, ada, "request")["anonymization"]
    assert info["status"] == "requested" and "cancelled_at" not in info


def test_what_does_not_fit_the_state_is_locked(officer, ada):
    refused(officer, "customer.anonymize", {"id": ada["id"], "anonymize": "cancel"}, "LOCKED")
    anonymize(officer, ada, "request")
    refused(officer, "customer.anonymize", {"id": ada["id"], "anonymize": "request"}, "LOCKED")
    anonymize(officer, ada, "cancel")
    refused(officer, "customer.anonymize", {"id": ada["id"], "anonymize": "cancel"}, "LOCKED")


def test_a_requested_customer_can_still_be_updated(c, officer, ada):
    anonymize(officer, ada, "request")
    assert must_update(c, ada, company="x")["company"] == "x"


def test_anonymize_obeys_revisions(officer, ada):
    refused(officer, "customer.anonymize", {"id": ada["id"], "anonymize": "request",
                                            "if_revision": 7}, "REVISION_MISMATCH")
    anonymize(officer, ada, "request", if_revision=1)


def test_the_word_is_request_or_cancel(officer, ada):
    refused(officer, "customer.anonymize", {"id": ada["id"]}, "INVALID",
            {"anonymize": "REQUIRED"})
    refused(officer, "customer.anonymize", {"id": ada["id"], "anonymize": "now"}, "INVALID",
            {"anonymize": "NOT_IN_LIST"})


# -- completed ---------------------------------------------------------------------------------


@pytest.fixture
def hasty(server):
    """A store without a grace period."""
    shop = Shop(server, anonymization_grace_ms=0)
    yield shop
    shop.close()


def completed(shop, record):
    officer = shop.dial(user=USER)
    anonymize(officer, record, "request")
    wait_until(lambda: get(shop.c, record)["anonymization"]["status"] == "completed",
               "for the anonymisation")
    return get(shop.c, record)


def full_customer(shop, canary):
    """A customer with a canary in every personal field that can hold one."""
    fields = {}
    for field in describe()["records"]["customer"]["fields"]:
        if "PERSONAL" in field["flags"] and not {"READ_ONLY"} & set(field["flags"]):
            if field["kind"] in ("LINE", "TEXT"):
                fields[field["key"]] = canary[:field["max"]]
    fields.update(email=canary + "@example.com", date_of_birth="1815-12-10",
                  billing_address={"name": canary}, shipping_addresses=[{"city": canary}],
                  contacts=[{"type": "EMAIL", "contact": canary}], metadata={"a": canary},
                  jwt_custom_claim={"a": canary}, registration_ip_address="192.0.2.7",
                  form_fields=[{"name": "n", "value": canary}], accepts_marketing=True)
    return fields


def test_all_personal_fields_are_erased_and_the_rest_stays(hasty):
    canary = fresh("canary")
    tag = must_create(hasty.c, "tag", name=fresh("tag"))["name"]
    record = must_create(hasty.c, **full_customer(hasty, canary), tags=[tag],
                         total_orders_count=3)
    done = completed(hasty, record)
    assert canary not in str(done)
    for field in describe()["records"]["customer"]["fields"]:
        if "PERSONAL" in field["flags"] and field["key"] != "email":
            assert field["key"] not in done, field["key"]
    assert done["email"] == record["uid"] + "@anonymized.invalid"
    assert done["has_password"] is False
    assert done["id"] == record["id"] and done["uid"] == record["uid"]
    assert done["total_orders_count"] == 3 and done["tags"] == [tag]
    info = done["anonymization"]
    assert info["requested_at"] <= info["started_at"] <= info["completed_at"]
    assert done["revision"] > 2


def test_an_erased_customer_is_found_by_none_of_its_keys(hasty):
    canary = fresh("canary")
    record = must_create(hasty.c, **full_customer(hasty, canary))
    completed(hasty, record)
    for key in ("email", "slug", "reference"):
        refused(hasty.c, "customer.find", {key: record[key]}, "NOT_FOUND")
    assert hasty.c.call("customer.list", {"reference": record["reference"]})["items"] == []
    assert must_create(hasty.c, email=record["email"])["id"] != record["id"]


def test_erased_data_leaves_the_answers_kept_for_idempotency(hasty):
    canary = fresh("canary")
    create = {"set": full_customer(hasty, canary), "want": "record"}
    record = hasty.c.call("customer.create", create, idempotency_key="k")
    assert canary in str(record)
    completed(hasty, record)
    try:
        again = hasty.c.call("customer.create", create, idempotency_key="k")
        assert canary not in str(again)
    except Refused as refusal:
        assert canary not in str(refusal.map)
    assert hasty.c.call("customer.list")["total"] == 1


def test_an_erased_customer_is_locked_but_for_deletion(hasty):
    record = must_create(hasty.c, first_name="Ada")
    done = completed(hasty, record)
    officer = hasty.dial(user=USER)
    refused(hasty.c, "customer.update", {"id": record["id"], "set": {"company": "x"}}, "LOCKED")
    refused(hasty.c, "customer.update", {"id": record["id"], "set": {"email": "a@example.com"}},
            "LOCKED")
    for word in ("request", "cancel"):
        refused(officer, "customer.anonymize", {"id": record["id"], "anonymize": word}, "LOCKED")
    assert get(hasty.c, record) == done
    hasty.c.call("customer.delete", {"id": record["id"]})


def test_a_cancelled_request_is_not_carried_out(server):
    shop = Shop(server, anonymization_grace_ms=300)
    officer = shop.dial(user=USER)
    ada, eve = must_create(shop.c, first_name="Ada"), must_create(shop.c, first_name="Eve")
    anonymize(officer, ada, "request")
    anonymize(officer, ada, "cancel")
    completed(shop, eve)
    assert get(shop.c, ada)["first_name"] == "Ada"
    shop.close()


def test_anonymisation_goes_on_after_a_restart(own_server):
    shop = Shop(own_server, anonymization_grace_ms=500)
    ada = must_create(shop.c, first_name="Ada")
    anonymize(shop.dial(user=USER), ada, "request")
    token = shop.token()
    own_server.kill()
    own_server.start()
    c = own_server.dial(token)
    wait_until(lambda: get(c, ada)["anonymization"]["status"] == "completed",
               "for the anonymisation after a restart")
    assert "first_name" not in get(c, ada)
