"""One record: what is written through one format is read through every other, exactly.

The table below says, for each field of the record, a value, and how each format that has
the field writes and reads it.  A path leads into the JSON of the format's own customer.
"""

import pytest

from support.rest import BC, CL, DJANGO, ECWID

ID = 177737165
TIME = "2024-06-04 21:15:10 +0000"  # 1717535710000 ms, as Ecwid has it

# The table of DESIGN.md: the record's field, two values, and where each format has it.
FIELDS = [
    ("email", ["ada@example.com", "ADA.King@example.org"],
     dict(commercelayer="email", django="email", bigcommerce="email", ecwid="email")),
    ("first_name", ["Ada", "Zoë"], dict(django="first_name", bigcommerce="first_name")),
    ("last_name", ["Lovelace", "de la Cruz"],
     dict(django="last_name", bigcommerce="last_name")),
    ("date_of_birth", ["1990-01-15", None], dict(django="date_of_birth")),
    ("phone", ["+1 555 0100", "1"], dict(bigcommerce="phone")),
    ("company", ["Müller & Söhne \"GmbH\"", "x"], dict(bigcommerce="company")),
    ("notes", ["two\nlines\tand a tab", "€ 😀"],
     dict(bigcommerce="notes", ecwid="privateAdminNotes")),
    ("group", [9367001, 2], dict(bigcommerce="customer_group_id", ecwid="customerGroupId")),
    ("tax_exemption_code", ["A1", "\\/<script>"],
     dict(commercelayer="tax_exemption_code", bigcommerce="tax_exempt_category")),
    ("tax_id", ["GB100200300", ""], dict(ecwid="taxId")),
    ("tax_id_valid", [True, False], dict(ecwid="taxIdValid")),
    ("accepts_marketing", [True, False], dict(ecwid="acceptMarketing")),
    ("language", ["fr", "pt_BR"], dict(ecwid="lang")),
    ("force_password_reset", [True, False],
     dict(bigcommerce="authentication.force_password_reset")),
    ("shopper_reference", ["abc", "x" * 128], dict(commercelayer="shopper_reference")),
    ("profile_id", ["p", None], dict(commercelayer="profile_id")),
    ("reference", ["r 1", None], dict(commercelayer="reference")),
    ("reference_origin", ["crm", None], dict(commercelayer="reference_origin")),
    ("metadata", [{"a": [1, 2.5, None, True, {"ü": "x"}], "n": -9007199254740991}, {}],
     dict(commercelayer="metadata")),
    ("channel_ids", [[1, 2], None], dict(bigcommerce="channel_ids")),
    ("store_credit_amounts", [[{"amount": 43.15}], [{"amount": 0}]],
     dict(bigcommerce="store_credit_amounts")),
    # The names are the same: fields that are not sent stay.
    ("form_fields", [[{"name": "A", "value": "b"}, {"name": "N", "value": 7},
                      {"name": "L", "value": ["x", "y"]}],
                     [{"name": "L", "value": []}, {"name": "N", "value": -0.5},
                      {"name": "A", "value": ""}]],
     dict(bigcommerce="form_fields")),
    ("accepts_product_review_abandoned_cart_emails", [True, False],
     dict(bigcommerce="accepts_product_review_abandoned_cart_emails")),
    ("billing_address.street", ["1 Main St", "2 Main St"],
     dict(django="address.street_address", ecwid="billingPerson.street")),
    ("billing_address.city", ["Reno", "Köln"],
     dict(django="address.city", ecwid="billingPerson.city")),
    ("billing_address.state", ["Nevada", "NRW"],
     dict(django="address.state", ecwid="billingPerson.stateOrProvinceName")),
    ("billing_address.country", ["Germany", "France"],
     dict(django="address.country", ecwid="billingPerson.countryName")),
    ("billing_address.postal_code", ["89501", "1"],
     dict(django="address.postal_code", ecwid="billingPerson.postalCode")),
    ("billing_address.name", ["Ada King", "Cher"], dict(ecwid="billingPerson.name")),
    ("billing_address.state_code", ["NV", "CA"],
     dict(ecwid="billingPerson.stateOrProvinceCode")),
    ("billing_address.country_code", ["DE", "US"], dict(ecwid="billingPerson.countryCode")),
    ("billing_address.company", ["Acme", "Ajax"], dict(ecwid="billingPerson.companyName")),
    ("billing_address.phone", ["1", "2"], dict(ecwid="billingPerson.phone")),
    ("shipping_addresses", [[
        {"id": 5, "name": "Ada", "company": "Acme", "street": "a\nb", "city": "c",
         "state": "Nevada", "state_code": "NV", "country": "Germany", "country_code": "DE",
         "postal_code": "01234", "phone": "1"}, {"id": 6, "city": "x"}], []],
     dict(ecwid="shippingAddresses")),
    ("contacts", [[
        {"id": 7, "type": "EMAIL", "contact": "a@example.com", "handle": "a", "note": "b\nc",
         "default": True, "order_by": 2, "timestamp": 1717535710000}], []],
     dict(ecwid="contacts")),
]

# Written by a test of its own below, or by requests that say more than one value.
ELSEWHERE = {
    "commercelayer": {"password", "_add_tags", "_remove_tags", "_request_anonymization",
                      "_cancel_anonymization"},
    "django": set(),
    "bigcommerce": {"authentication.new_password"},
    "ecwid": {"name", "taxExempt"},
}

# Ecwid's names within a list.
ECWID_NAMES = {"order_by": "orderBy", "company": "companyName", "state_code":
               "stateOrProvinceCode", "state": "stateOrProvinceName", "country":
               "countryName", "country_code": "countryCode", "postal_code": "postalCode"}


def put(body, path, value):
    *steps, last = path.split(".")
    for step in steps:
        body = body.setdefault(step, {})
    body[last] = value


def at(body, path):
    for step in path.split("."):
        body = body[step] if body is not None else None
    return body


class Commercelayer:
    def __init__(self, platforms, uid):
        self.platforms, self.target = platforms, "/api/customers/" + uid
        self.uid = uid

    def write(self, path, value):
        attributes = {}
        put(attributes, path, value)
        return self.platforms.ask("PATCH", self.target, CL, {"data": {
            "type": "customers", "id": self.uid, "attributes": attributes}})

    def read(self, path):
        answer = self.platforms.ask("GET", self.target, CL)
        return at(answer.json["data"]["attributes"], path)


class Django:
    ADDRESS = {"street_address": "1 Main St", "postal_code": 89501, "city": "Reno",
               "state": "Nevada", "country": "Germany"}

    def __init__(self, platforms, token):
        self.platforms, self.target = platforms, "/api/v1/customers/%d/" % ID
        self.headers = dict(DJANGO, Authorization="Bearer " + token)

    def write(self, path, value):
        body = {}
        if path.startswith("address."):
            body["address"] = dict(self.ADDRESS)
        put(body, path, int(value) if path == "address.postal_code" else value)
        return self.platforms.ask("PUT", self.target, self.headers, body)

    def read(self, path):
        value = at(self.platforms.ask("GET", self.target, self.headers).json, path)
        return str(value) if path == "address.postal_code" else value


class Bigcommerce:
    target = "/stores/store_hash/v3/customers"

    def __init__(self, platforms):
        self.platforms = platforms

    def write(self, path, value):
        item = {"id": ID}
        put(item, path, value)
        return self.platforms.ask("PUT", self.target, BC, [item])

    def read(self, path):
        answer = self.platforms.ask(
            "GET", self.target + "?id:in=%d&include=storecredit,formfields" % ID, BC)
        return at(answer.json["data"][0], path)


class Ecwid:
    target = "/api/v3/1003/customers/%d" % ID

    def __init__(self, platforms):
        self.platforms = platforms

    @staticmethod
    def theirs(value):
        """VALUE of the record as this format has it."""
        if not isinstance(value, list):
            return value
        return [{ECWID_NAMES.get(k, k): TIME if k == "timestamp" else v
                 for k, v in item.items()} for item in value]

    @staticmethod
    def ours(value):
        if not isinstance(value, list):
            return value
        names = {name: own for own, name in ECWID_NAMES.items()}
        assert all(item.get("timestamp", TIME) == TIME for item in value)
        return [{names.get(k, k): 1717535710000 if k == "timestamp" else v
                 for k, v in item.items()} for item in value]

    def write(self, path, value):
        body = {}
        put(body, path, self.theirs(value))
        return self.platforms.ask("PUT", self.target, ECWID, body)

    def read(self, path):
        return self.ours(at(self.platforms.ask("GET", self.target, ECWID).json, path))


@pytest.fixture(scope="module")
def sides(platforms):
    operator = platforms.native()
    token = operator.call("token.create", {"set": {
        "name": "owner", "store": 1, "customer": ID,
        "scopes": ["customers.read", "customers.write"]}})["token"]
    scopes = ["customers.read", "customers.write", "customers.private"]
    native = platforms.server.dial(operator.call("token.create", {"set": {
        "name": "native", "store": 1, "scopes": scopes}})["token"])
    uid = native.call("customer.get", {"id": ID})["uid"]
    yield native, dict(
        commercelayer=Commercelayer(platforms, uid), django=Django(platforms, token),
        bigcommerce=Bigcommerce(platforms), ecwid=Ecwid(platforms))
    native.close()
    operator.close()


def stored(native, field):
    record = native.call("customer.get", {"id": ID})
    for step in field.split("."):
        record = (record or {}).get(step)
    return record


def same(value, found):
    """Empty in one format may be absent in another, and one says whose a field is."""
    if isinstance(found, list) and all(isinstance(item, dict) for item in found):
        found = [{key: item[key] for key in item if key != "customer_id"} for item in found]
    nothing = (None, "", 0, False, [], {}, [{"amount": 0}])
    return value == found or (value in nothing and found in nothing)


CASES = [(field, writer, value) for field, values, formats in FIELDS
         for writer in formats for value in values]


@pytest.mark.parametrize("field, writer, value", CASES, ids=[
    "%s-%s-%d" % (field, writer, i % 2) for i, (field, writer, _) in enumerate(CASES)])
def test_written_by_one_read_by_all(sides, field, writer, value):
    native, formats = sides
    places = next(places for name, _, places in FIELDS if name == field)
    answer = formats[writer].write(places[writer], value)
    assert answer.status == 200, answer
    assert same(value, stored(native, field)), stored(native, field)
    for reader, path in places.items():
        found = formats[reader].read(path)
        assert same(value, found), (reader, found)


def test_every_field_of_the_record_is_in_the_table():
    """But for those that no client sets, or that have a test of their own below."""
    from support.customerd import describe
    fields = describe()["records"]["customer"]["fields"]
    names = {field["key"] for field in fields if "READ_ONLY" not in field["flags"]}
    own = {"password", "tags", "tax_exempt", "total_orders_count", "jwt_custom_claim",
           "registration_ip_address", "origin_channel_id", "billing_address"}
    assert names - own == {field for field, _, _ in FIELDS if "." not in field}


def leaves(schema, before=""):
    """The paths of all values in an object that SCHEMA describes."""
    for name, inner in schema["properties"].items():
        if "properties" in inner:
            yield from leaves(inner, before + name + ".")
        else:
            yield before + name


@pytest.mark.parametrize("format", sorted(ELSEWHERE))
def test_every_field_that_a_format_writes_is_in_the_table(platforms, format):
    document = platforms.ask("GET", "/openapi/%s.json" % format).json
    schema = document["components"]["schemas"]["customers_change"]
    here = {places[format]: values for _, values, places in FIELDS if format in places}
    assert set(leaves(schema)) == here.keys() | ELSEWHERE[format]
    for name, inner in schema["properties"].items():
        # Of a list of objects, each key of the objects.
        items = inner.get("items", {}).get("properties")
        if items:
            written = {key for values in here[name] for item in values for key in item}
            assert {ECWID_NAMES.get(key, key) for key in written} == items.keys(), name


def test_contacts_of_their_own_are_those_of_the_record(sides):
    native, formats = sides
    layer, target = formats["ecwid"].platforms, Ecwid.target + "/contacts"
    assert formats["ecwid"].write("contacts", []).status == 200
    contact = {"type": "PHONE", "contact": "1", "handle": "h", "note": "n", "default": True,
               "order_by": 4, "timestamp": 1717535710000}
    (sent,) = Ecwid.theirs([contact])
    assert layer.ask("POST", target, ECWID, sent).status == 200
    (made,) = stored(native, "contacts")
    assert made == dict(contact, id=made["id"])
    listed = layer.ask("GET", target, ECWID).json["items"]
    assert Ecwid.ours(listed) == [made] == formats["ecwid"].read("contacts")
    for key, value in [("contact", "2"), ("type", "WHATSAPP"), ("note", None),
                       ("default", False), ("order_by", 0)]:
        answer = layer.ask("PUT", "%s/%d" % (target, made["id"]), ECWID,
                           {ECWID_NAMES.get(key, key): value})
        assert answer.status == 200, answer
        assert same(value, stored(native, "contacts")[0].get(key)), key
    native.call("customer.update", {"id": ID, "set": {"contacts": [made]}})
    (read,) = layer.ask("GET", target, ECWID).json["items"]
    assert Ecwid.ours([read]) == [made]


def test_an_exemption_goes_with_a_tax_id(sides):
    native, formats = sides
    body = {"taxId": "GB1", "taxIdValid": True, "taxExempt": True}
    platforms = formats["ecwid"].platforms
    assert platforms.ask("PUT", Ecwid.target, ECWID, body).status == 200
    assert stored(native, "tax_exempt") is True and formats["ecwid"].read("taxExempt") is True
    assert formats["ecwid"].write("taxExempt", False).status == 200
    assert stored(native, "tax_exempt") is False


@pytest.mark.parametrize("name, first, last", [
    ("Ada Lovelace", "Ada", "Lovelace"), ("Cher", "Cher", ""), (" x", "", "x"),
    ("A  B", "A", " B"), ("Ada King Lovelace", "Ada", "King Lovelace")])
def test_a_name_is_split_at_its_first_space_and_joined_exactly(sides, name, first, last):
    native, formats = sides
    assert formats["ecwid"].write("name", name).status == 200
    assert formats["ecwid"].read("name") == name
    assert formats["django"].read("first_name") == first
    assert formats["bigcommerce"].read("last_name") == last


def test_a_django_address_leaves_what_the_format_does_not_know(sides):
    native, formats = sides
    person = {"companyName": "Acme", "phone": "7", "countryCode": "US",
              "countryName": "United States", "stateOrProvinceCode": "CA",
              "stateOrProvinceName": "California", "city": "x", "street": "y"}
    assert formats["ecwid"].write("billingPerson", person).status == 200
    address = {"street_address": "z", "postal_code": 1, "city": "Reno", "state": "Nevada",
               "country": "United States"}
    assert formats["django"].write("address", address).status == 200
    after = stored(native, "billing_address")
    assert after == {"company": "Acme", "phone": "7", "country_code": "US",
                     "country": "United States", "state": "Nevada", "city": "Reno",
                     "street": "z", "postal_code": "1"}


def test_tags_and_groups_of_commerce_layer_are_those_of_the_record(sides):
    native, formats = sides
    layer = formats["commercelayer"]
    assert layer.write("_add_tags", "vip,gold").status == 200
    assert stored(native, "tags") == ["vip", "gold"]
    platforms = layer.platforms
    tags = platforms.ask("GET", layer.target + "/tags", CL).json["data"]
    assert [tag["attributes"]["name"] for tag in tags] == ["vip", "gold"]
    body = {"data": {"type": "customers", "id": layer.uid, "relationships": {
        "tags": {"data": [{"type": "tags", "id": tags[1]["id"]}]},
        "customer_group": {"data": {"type": "customer_groups", "id": "ABCRtyUpBa"}}}}}
    assert platforms.ask("PATCH", layer.target, CL, body).status == 200
    assert stored(native, "tags") == ["gold"]
    assert formats["ecwid"].read("customerGroupName") == "Wholesale"
    assert formats["bigcommerce"].read("customer_group_id") == 1


def test_a_password_is_never_answered(sides):
    native, formats = sides
    answer = formats["bigcommerce"].write("authentication.new_password", "s3cret phrase")
    assert answer.status == 200 and b"s3cret" not in answer.body
    answer = formats["commercelayer"].write("password", "s3cret phrase")
    assert answer.status == 200 and b"s3cret" not in answer.body
    assert formats["commercelayer"].read("has_password") is True


def test_two_formats_conflict_over_one_revision(sides):
    native, formats = sides
    layer = formats["commercelayer"]
    tag = layer.platforms.ask("GET", layer.target, CL).headers["etag"]
    assert formats["ecwid"].write("name", "Someone Else").status == 200
    body = {"data": {"type": "customers", "id": layer.uid, "attributes": {"reference": "z"}}}
    answer = layer.platforms.ask("PATCH", layer.target, dict(CL, **{"If-Match": tag}), body)
    assert answer.status == 412
