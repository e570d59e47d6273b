"""The sample data: what the five documents name is there, and only that is permitted."""

import pytest

from support.customerctl import DONE, SAMPLE, ctl_unix
from support.customerd import Client, Server, refused

TOKENS = {
    "your-access-token": {"customers.read", "customers.write", "customers.password",
                          "customers.anonymize", "groups.read", "groups.write",
                          "tags.read", "store.read"},
    "YOUR_TOKEN": {"customers.read", "customers.write"},
    "access_token": {"customers.read", "customers.write", "customers.delete",
                     "customers.private", "customers.password", "groups.read",
                     "store.read"},
    "secret_token": {"customers.read", "customers.write", "customers.private",
                     "groups.read", "store.read"},
}


@pytest.fixture(scope="module")
def sample():
    with Server() as server:
        done = ctl_unix(server, "load", SAMPLE)
        assert done.status == DONE, done
        yield server


@pytest.fixture
def dial(sample):
    clients = []

    def dial_token(token):
        clients.append(sample.dial(token))
        return clients[-1]

    yield dial_token
    for client in clients:
        client.close()


def test_only_the_documented_tokens_remain(sample, dial):
    operator = sample.operator()
    tokens = operator.call("token.list")["items"]
    assert {frozenset(t["scopes"]) for t in tokens} == {
        frozenset(scopes) for scopes in TOKENS.values()}
    assert len(tokens) == len(TOKENS)
    for token, scopes in TOKENS.items():
        identity = dial(token).call("hello", {"token": token})["identity"]
        assert set(identity["scopes"]) == scopes
    operator.close()


def test_the_store_bears_the_names_of_all_platforms(dial):
    store = dial("your-access-token").call("store.get")
    assert store["ecwid_id"] == 1003
    assert store["bigcommerce_hash"] == "store_hash"
    assert store["commercelayer_organization_id"] == "xRRkjDFafe"
    assert store["mode"] == "test"
    assert {"en", "fr", "de", "es"} <= set(store["languages"])


def test_commerce_layer_updates_its_customer(dial):
    c = dial("your-access-token")
    john = c.call("customer.get", {"uid": "XAyRWNUzyN"})
    assert john["email"] == "john@example.com"
    assert john["shopper_reference"] == john["profile_id"] == "xxx-yyy-zzz"
    assert john["metadata"] == {"foo": "bar"} and john["total_orders_count"] == 6
    assert john["created_at"] == 1514808000000 and not john["has_password"]
    group = c.call("group.get", {"uid": "ABCRtyUpBa"})
    done = c.call("customer.update", {
        "uid": "XAyRWNUzyN", "set": {"password": "secret", "group": group["id"]},
        "add_tags": ["vip", "gold", "wholesale"], "remove_tags": ["wholesale"],
        "want": "record"})
    assert done["has_password"] and done["group"] == group["id"]
    assert done["tags"] == ["gold", "vip"] or done["tags"] == ["vip", "gold"]
    # The printed answer has an anonymisation that waits, with its requester.
    assert john["anonymization"]["status"] == "requested"
    assert john["anonymization"]["requester"] == {
        "id": "fdgt56hh", "first_name": "Travis", "last_name": "Muller",
        "email": "test@labadie.test"}
    c.call("customer.anonymize", {"uid": "XAyRWNUzyN", "anonymize": "cancel"})
    asked = c.call("customer.anonymize", {
        "uid": "XAyRWNUzyN", "anonymize": "request", "want": "record"})
    assert asked["anonymization"]["status"] == "requested"


def test_commerce_layer_updates_its_group(dial):
    c = dial("your-access-token")
    done = c.call("group.update", {
        "uid": "xYZkjABcde", "set": {"reference": "ANY-EXTERNAL-REFEFERNCE"},
        "want": "record"})
    assert done["name"] == "VIP" and done["metadata"] == {"foo": "bar"}
    assert done["reference_origin"] == "ANY-EXTERNAL-REFEFERNCE-ORIGIN"


def test_a_customer_updates_the_own_profile_and_no_other(dial):
    c = dial("YOUR_TOKEN")
    done = c.call("customer.update", {"id": 123, "want": "record", "set": {
        "email": "john@example.org", "first_name": "John", "last_name": "Doe",
        "date_of_birth": "1990-01-15",
        "billing_address": {
            "street": "456 Oak Avenue", "postal_code": "54321", "city": "Los Angeles",
            "state": "California", "country": "United States"}}})
    assert done["slug"] == "john-doe"
    assert c.call("customer.get", {"id": 123}) == done
    refused(c, "customer.update", {"id": 12345, "set": {"phone": "1"}}, "FORBIDDEN")
    refused(c, "customer.delete", {"id": 123}, "FORBIDDEN")
    refused(c, "customer.list", {}, "FORBIDDEN")


def test_bigcommerce_updates_ten_customers_at_once(dial):
    c = dial("access_token")
    done = c.call("customer.update_many", {"atomic": True, "updates": [
        {"id": id, "set": {"notes": "n", "company": "Company", "group": 9367001,
                           "password": "new password", "force_password_reset": True,
                           "store_credit_amounts": [{"amount": 43.15}]}}
        for id in range(1, 11)]})
    assert done["updated"] == 10
    assert c.call("customer.get", {"id": 12345})["email"]
    assert c.call("group.get", {"id": 9367001})["name"] == "VIP"


def test_ecwid_updates_its_customer(dial):
    c = dial("secret_token")
    done = c.call("customer.update", {"id": 177737165, "want": "record", "set": {
        "first_name": "Support", "last_name": "team (VIP)", "group": 9367001}})
    assert done["group"] == 9367001 and done["notes"]
    assert done["contacts"][0]["id"] == 113861381
    assert c.call("group.get", {"id": 9367001})["name"] == "VIP"
    refused(c, "customer.delete", {"id": 177737165}, "FORBIDDEN")


def test_a_new_directory_knows_none_of_the_tokens(server):
    for token in TOKENS:
        client = server.dial()
        assert isinstance(client, Client)
        refused(client, "hello", {"token": token}, "UNAUTHENTICATED")
        client.close()
