"""Every rule that the five documents state for an update, one test each.

What a document calls a field is in DESIGN.md section 3; rules of one format only
(ten customers a call, three calls at once, error envelopes) are the shim's.
"""

import pytest

from support.customerd import (Refused, Shop, fresh, get, must_create, must_update, refused,
                               set_refused)


@pytest.fixture
def ada(c):
    return must_create(c, email=fresh("ada") + "@example.com")


# -- Django style: PUT /api/v1/customers/{id}/ -------------------------------------------


def test_an_email_belongs_to_one_customer_of_the_store(c, ada):
    eve = must_create(c)
    set_refused(c, eve, {"email": ada["email"]}, {"email": "TAKEN"})
    refused(c, "customer.create", {"set": {"email": ada["email"]}}, "INVALID",
            {"set.email": "TAKEN"})


def test_an_email_is_taken_whatever_its_case(c, ada):
    refused(c, "customer.create", {"set": {"email": ada["email"].upper()}}, "INVALID",
            {"set.email": "TAKEN"})


def test_a_customer_keeps_its_own_email_in_another_case(c, ada):
    assert must_update(c, ada, email=ada["email"].upper())["email"] == ada["email"].upper()


def test_an_email_that_was_given_up_is_free(c, ada):
    must_update(c, ada, email=fresh("new") + "@example.com")
    assert must_create(c, email=ada["email"])["email"] == ada["email"]


def test_the_same_email_may_be_used_in_two_stores(server, ada):
    other = Shop(server)
    assert must_create(other.c, email=ada["email"])["email"] == ada["email"]
    other.close()


def test_only_the_owner_of_the_account_updates_it(shop, c, ada):
    own = shop.dial(customer=ada["id"])
    eve = must_create(c)
    assert must_update(own, ada, first_name="Ada")["first_name"] == "Ada"
    refused(own, "customer.update", {"id": eve["id"], "set": {"first_name": "x"}}, "FORBIDDEN")
    assert get(c, eve) == eve


def test_the_slug_is_made_from_the_full_name(c, ada):
    assert must_update(c, ada, first_name="John", last_name="Doe")["slug"] == "john-doe"


def test_a_slug_that_is_taken_gets_a_number(c):
    for slug in ("lukasz-ore", "lukasz-ore-2", "lukasz-ore-3"):
        assert must_create(c, first_name="Łukasz", last_name="Øre")["slug"] == slug


def test_the_slug_follows_the_name(c):
    john = must_create(c, first_name="John", last_name="Doe")
    assert must_update(c, john, last_name="Roe")["slug"] == "john-roe"
    assert must_create(c, first_name="John", last_name="Doe")["slug"] == "john-doe"
    assert c.call("customer.find", {"slug": "john-roe"})["id"] == john["id"]


def test_a_slug_cannot_be_set(c, ada):
    set_refused(c, ada, {"slug": "mine"}, {"slug": "READ_ONLY"})


def test_a_customer_without_a_name_has_no_slug(c, ada):
    assert "slug" not in ada
    named = must_update(c, ada, first_name="Ada")
    assert named["slug"] == "ada"
    assert "slug" not in must_update(c, ada, first_name=None)


@pytest.mark.parametrize("date", ["1990-1-15", "15.01.1990", "2023-02-29", "1990-13-01",
                                  "0000-00-00", "1990-01-15T00:00:00Z", ""])
def test_a_date_of_birth_is_a_day_of_the_calendar(c, ada, date):
    try:
        must_update(c, ada, date_of_birth=date)
        raise AssertionError("took %r" % date)
    except Refused as refusal:
        assert refusal.errors["set.date_of_birth"] in ("BAD_FORMAT", "TOO_SHORT", "TOO_LONG")
    assert must_update(c, ada, date_of_birth="1990-01-15")["date_of_birth"] == "1990-01-15"


def test_the_documented_profile_is_kept_as_sent(c, ada):
    address = {"street": "456 Oak Avenue", "city": "Los Angeles", "state": "California",
               "country": "United States", "postal_code": "54321"}
    record = must_update(c, ada, first_name="John", last_name="Doe",
                         date_of_birth="1990-01-15", billing_address=address)
    assert record["billing_address"] == address


# -- Commerce Layer: PATCH /api/customers/:id and /api/customer_groups/:id ------------------


def test_a_password_is_written_and_only_its_presence_is_read(c, ada):
    assert ada["has_password"] is False
    record = must_update(c, ada, password="secret")
    assert record["has_password"] is True and "password" not in record
    assert must_update(c, ada, password=None)["has_password"] is False


def test_the_texts_of_a_customer_are_kept_as_sent(c, ada):
    texts = {"shopper_reference": "xxx-yyy-zzz", "profile_id": "xxx-yyy-zzz",
             "tax_exemption_code": "xxx-yyy-zzz", "reference": "ANY-EXTERNAL-REFERENCE",
             "reference_origin": "ANY-EXTERNAL-REFERENCE-ORIGIN", "metadata": {"foo": "bar"}}
    assert texts.items() <= must_update(c, ada, **texts).items()


def test_a_customer_has_a_shopper_reference_from_the_start(ada):
    assert 3 <= len(ada["shopper_reference"]) <= 128


@pytest.mark.parametrize("orders, status", [(0, "prospect"), (1, "acquired"), (2, "repeat"),
                                            (6, "repeat")])
def test_the_status_follows_the_number_of_orders(c, ada, orders, status):
    assert must_update(c, ada, total_orders_count=orders)["status"] == status


def test_the_status_cannot_be_set(c, ada):
    set_refused(c, ada, {"status": "repeat"}, {"status": "READ_ONLY"})


def tags(c, count):
    return [must_create(c, "tag", name=fresh("tag"))["name"] for _ in range(count)]


def update_tags(c, record, **arguments):
    return c.call("customer.update", {"id": record["id"], "want": "record",
                                      **arguments}).get("tags", [])


def test_tags_are_added_to_what_is_there(c, ada):
    one, two = tags(c, 2)
    assert update_tags(c, ada, add_tags=[one]) == [one]
    assert set(update_tags(c, ada, add_tags=[two])) == {one, two}


def test_tags_are_removed_from_what_is_there(c, ada):
    one, two = tags(c, 2)
    must_update(c, ada, tags=[one, two])
    assert update_tags(c, ada, remove_tags=[one]) == [two]
    assert update_tags(c, ada, remove_tags=[one]) == [two]


def test_tags_are_removed_after_they_were_added(c, ada):
    one, two = tags(c, 2)
    assert update_tags(c, ada, add_tags=[one, two], remove_tags=[two]) == [one]


def test_the_list_of_tags_replaces_what_is_there(c, ada):
    one, two = tags(c, 2)
    must_update(c, ada, tags=[one])
    assert update_tags(c, ada, set={"tags": [two]}) == [two]
    assert update_tags(c, ada, set={"tags": []}) == []


def test_a_customer_has_at_most_ten_tags(c, ada):
    names = tags(c, 11)
    assert set(update_tags(c, ada, add_tags=names[:10])) == set(names[:10])
    refused(c, "customer.update", {"id": ada["id"], "add_tags": names[10:]}, "INVALID",
            {"set.tags": "TOO_MANY"})
    assert set(update_tags(c, ada, add_tags=names[10:], remove_tags=names[:1])) == set(names[1:])


def test_a_tag_must_exist(c, ada):
    one, = tags(c, 1)
    refused(c, "customer.update", {"id": ada["id"], "add_tags": [one, "nowhere"]}, "INVALID",
            {"add_tags.1": "MISSING"})
    set_refused(c, ada, {"tags": ["nowhere"]}, {"tags.0": "MISSING"})


def test_unknown_tags_are_dropped_on_request(c, ada):
    one, = tags(c, 1)
    assert update_tags(c, ada, add_tags=[one, "nowhere"], ignore_unknown_tags=True) == [one]
    assert update_tags(c, ada, set={"tags": ["nowhere"]}, ignore_unknown_tags=True) == []


def test_tags_are_compared_in_lower_case(c, ada):
    name = must_create(c, "tag", name=fresh("BIG"))["name"]
    assert name == name.lower()
    assert update_tags(c, ada, add_tags=[name.upper(), name]) == [name]


def test_a_group_must_exist_in_the_store(server, c, ada):
    other = Shop(server)
    foreign = must_create(other.c, "group", name="theirs")
    set_refused(c, ada, {"group": foreign["id"]}, {"group": "MISSING"})
    set_refused(c, ada, {"group": 2**53 - 1}, {"group": "MISSING"})
    other.close()


def test_a_customer_moves_between_groups_and_out_of_them(c, ada):
    one, two = (must_create(c, "group", name="VIP")["id"] for _ in range(2))
    for group, members in ((one, [1, 0]), (two, [0, 1]), (None, [0, 0])):
        assert must_update(c, ada, group=group).get("group") == group
        assert [len(c.call("customer.list", {"group": g})["items"])
                for g in (one, two)] == members


def test_a_groups_reference_is_updated_alone(c):
    group = must_create(c, "group", name="VIP", metadata={"foo": "bar"}, reference_origin="x")
    record = must_update(c, group, "group", reference="ANY-EXTERNAL-REFEFERNCE")
    changed = {"reference": "ANY-EXTERNAL-REFEFERNCE", "revision": 2,
               "updated_at": record["updated_at"]}
    assert record == {**group, **changed}


def test_a_group_has_a_name(c):
    refused(c, "group.create", {"set": {"reference": "x"}}, "INVALID", {"set.name": "REQUIRED"})
    group = must_create(c, "group", name="VIP")
    refused(c, "group.update", {"id": group["id"], "set": {"name": None}}, "INVALID",
            {"set.name": "REQUIRED"})


# -- BigCommerce: PUT /v3/customers --------------------------------------------------------


def test_an_update_names_its_customer(c):
    refused(c, "customer.update", {"set": {"first_name": "x"}}, "INVALID", {"id": "REQUIRED"})


@pytest.mark.parametrize("field", ["id", "created_at", "updated_at"])
def test_id_and_dates_are_read_only(c, ada, field):
    set_refused(c, ada, {field: 1}, {field: "READ_ONLY"})


def test_where_a_customer_comes_from_is_fixed_at_creation(c):
    origin = {"registration_ip_address": "192.0.2.7", "origin_channel_id": 1}
    customer = must_create(c, **origin)
    assert origin.items() <= customer.items()
    set_refused(c, customer, {"registration_ip_address": "192.0.2.8", "origin_channel_id": 2},
                {"registration_ip_address": "CREATE_ONLY", "origin_channel_id": "CREATE_ONLY"})


def test_the_lists_of_a_customer_are_kept_as_sent(c, ada):
    lists = {"channel_ids": [1, 2], "store_credit_amounts": [{"amount": 43.15}],
             "form_fields": [{"name": "color", "value": "blue"}, {"name": "size", "value": 4},
                             {"name": "likes", "value": ["a", "b"]}],
             "accepts_product_review_abandoned_cart_emails": True, "notes": "VIP\nreally",
             "company": "Engines", "phone": "+1 555 0100", "force_password_reset": True}
    assert lists.items() <= must_update(c, ada, **lists).items()


def test_a_form_field_has_one_value(c, ada):
    twice = [{"name": "color", "value": "blue"}, {"name": "color", "value": "red"}]
    try:
        must_update(c, ada, form_fields=twice)
        raise AssertionError("took a form field twice")
    except Refused as refusal:
        (path, code), = refusal.errors.items()
        assert path.startswith("set.form_fields.1") and code == "DUPLICATE"


# -- Ecwid: PUT /api/v3/{storeId}/customers/{customerId} -----------------------------------


@pytest.mark.parametrize("fields", [
    {}, {"tax_id": "GB1"}, {"tax_id_valid": True}, {"tax_id": "GB1", "tax_id_valid": False},
    {"tax_id": "", "tax_id_valid": True}])
def test_tax_exemption_needs_a_valid_tax_id(c, ada, fields):
    set_refused(c, ada, {"tax_exempt": True, **fields}, {"tax_exempt": "NEEDS_TAX_ID"})


def test_a_valid_tax_id_permits_tax_exemption(c, ada):
    must_update(c, ada, tax_id="GB1", tax_id_valid=True)
    assert must_update(c, ada, tax_exempt=True)["tax_exempt"] is True


@pytest.mark.parametrize("fields", [{"tax_id": None}, {"tax_id_valid": False}])
def test_a_tax_exempt_customer_keeps_a_valid_tax_id(c, ada, fields):
    must_update(c, ada, tax_id="GB1", tax_id_valid=True, tax_exempt=True)
    set_refused(c, ada, fields, {"tax_exempt": "NEEDS_TAX_ID"})
    assert "tax_id" not in must_update(c, ada, tax_exempt=False, tax_id=None)


def test_the_language_is_one_of_the_stores(server):
    shop = Shop(server, languages=["en", "fr"])
    ada = must_create(shop.c, language="fr")
    assert ada["language"] == "fr"
    set_refused(shop.c, ada, {"language": "de"}, {"language": "NOT_ENABLED"})
    shop.close()


def test_a_store_without_languages_takes_any(c, ada):
    assert must_update(c, ada, language="de")["language"] == "de"


CONTACT = {"type": "EMAIL", "contact": "ec.apps@example.com"}
PAGE = {"type": "FACEBOOK", "contact": "https://www.example.com/myshop_page"}


def test_one_contact_of_a_type_is_the_default(c, ada):
    set_refused(c, ada, {"contacts": [{**CONTACT, "default": True}, {**PAGE, "default": True},
                                      {**CONTACT, "default": True}]},
                {"contacts.2.default": "DEFAULT_TWICE"})


def test_contacts_of_different_types_may_each_be_the_default(c, ada):
    record = must_update(c, ada, contacts=[{**CONTACT, "default": True},
                                           {**PAGE, "default": True, "handle": "myshop_page"},
                                           {**CONTACT, "note": "old", "order_by": 1}])
    assert [contact["type"] for contact in record["contacts"]] == ["EMAIL", "FACEBOOK", "EMAIL"]
    assert all(contact["timestamp"] > 0 for contact in record["contacts"])
    assert len({contact["id"] for contact in record["contacts"]}) == 3


def test_a_contact_has_one_of_the_documented_types(c, ada):
    set_refused(c, ada, {"contacts": [{**CONTACT, "type": "FAX"}]},
                {"contacts.0.type": "NOT_IN_LIST"})


def test_the_id_of_a_contact_and_of_an_address_is_kept(c, ada):
    record = must_update(c, ada, contacts=[{**CONTACT, "id": 113861381}],
                         shipping_addresses=[{"id": 7, "city": "Paris"}, {"city": "Rome"}])
    assert record["contacts"][0]["id"] == 113861381
    seven, other = record["shipping_addresses"]
    assert seven["id"] == 7 and other["id"] not in (None, 7)


@pytest.mark.parametrize("field, item", [("contacts", CONTACT),
                                         ("shipping_addresses", {"city": "Rome"})])
def test_the_ids_in_a_list_are_unique(c, ada, field, item):
    set_refused(c, ada, {field: [{**item, "id": 7}, {**item, "id": 7}]},
                {field + ".1.id": "DUPLICATE"})


def test_notes_are_for_those_who_may_see_private_fields(shop, c, ada):
    must_update(c, ada, notes="pays late")
    clerk = shop.dial(["customers.read", "customers.write"])
    assert "notes" not in get(clerk, ada)
    assert "notes" not in must_update(clerk, ada, company="Engines")
    assert all("notes" not in item for item in clerk.call("customer.list")["items"])
    refused(clerk, "customer.update", {"id": ada["id"], "set": {"notes": "x"}}, "FORBIDDEN")
    assert get(c, ada)["notes"] == "pays late"


def test_the_documented_ecwid_update_is_taken(c, ada):
    vip = must_create(c, "group", name="VIP")
    record = must_update(c, ada, first_name="Support", last_name="team (VIP)",
                         group=vip["id"], accepts_marketing=True)
    assert record["group"] == vip["id"] and record["slug"] == "support-team-vip"
