"""The documents are OpenAPI 3.1, and what they promise happens.

That a document has every route of its format's table and no other is shown by
tests/unit/test_openapi.c.
"""

import json
import os
import urllib.parse

import jsonschema
import pytest

from support.customerd import SCOPES
from support.rest import Platforms

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node_modules",
                      "@apidevtools", "openapi-schemas", "schemas", "v3.1", "schema.json")
FORMATS = ["commercelayer", "bigcommerce", "ecwid", "django"]


def document_of(platforms, name):
    answer = platforms.ask("GET", "/openapi/%s.json" % name)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    return answer.json


def operations(document):
    """Every (METHOD, path, operation), those that delete last, an item before its record."""
    found = [(method.upper(), path, operation)
             for path, item in document["paths"].items()
             for method, operation in item.items()]
    return sorted(found, key=lambda one: (one[0] == "DELETE") * (99 - one[1].count("/")))


def conforms(document, name, value):
    """Assert that VALUE is what the schema NAME of DOCUMENT describes."""
    schema = {"$ref": "#/components/schemas/" + name, "components": document["components"]}
    jsonschema.validate(value, schema, jsonschema.Draft202012Validator)


def declared(document, schema):
    """The properties that SCHEMA names for an object; None: it takes any."""
    if "$ref" in schema:
        return declared(document, document["components"]["schemas"][schema_name(
            {"schema": schema})])
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        found.update(declared(document, part) or {})
    return found if found and "additionalProperties" not in schema else None


def names_every_key(document, schema, value):
    """Assert that nothing is in VALUE that SCHEMA does not tell of."""
    while "$ref" in schema and isinstance(value, list):
        schema = document["components"]["schemas"][schema_name({"schema": schema})]
    for item in value if isinstance(value, list) else []:
        names_every_key(document, schema.get("items", {}), item)
    properties = declared(document, schema)
    for key, inner in value.items() if isinstance(value, dict) and properties else []:
        assert key in properties
        names_every_key(document, properties[key], inner)


def schema_name(media):
    return media["schema"]["$ref"].rpartition("/")[2]


def target_of(path, operation):
    """PATH with the examples of its parameters."""
    query = []
    for parameter in operation["parameters"]:
        if "example" not in parameter:
            continue
        if parameter["in"] == "path":
            value = urllib.parse.quote(str(parameter["example"]))
            path = path.replace("{%s}" % parameter["name"], value)
        else:
            query.append((parameter["name"], parameter["example"]))
    assert "{" not in path, "a parameter without an example"
    return path + ("?" + urllib.parse.urlencode(query) if query else "")


def credentials(document, token):
    """The header that the first way to authenticate wants."""
    (name,) = document["security"][0]
    scheme = document["components"]["securitySchemes"][name]
    if scheme["type"] == "http":
        assert scheme["scheme"] == "bearer"
        return {"Authorization": "Bearer " + token}
    assert scheme["in"] == "header"
    return {scheme["name"]: token}


def send_example(platforms, document, operation, method, path, token, body=None):
    headers = credentials(document, token) if operation.get("security") != [] else {}
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        media_type, media = next(iter(content.items()))
        headers["Content-Type"] = media_type
        body = media["example"] if body is None else body
        conforms(document, schema_name(media), body)
    return platforms.ask(method, target_of(path, operation), headers, body)


def success(operation):
    """The one status, and its description, for when all goes well."""
    found = [(int(status), response) for status, response in operation["responses"].items()
             if status < "300"]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("name", FORMATS)
def test_a_document_is_valid_openapi(platforms, name):
    document = document_of(platforms, name)
    with open(SCHEMA) as file:
        jsonschema.validate(document, json.load(file), jsonschema.Draft202012Validator)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", FORMATS)
def test_every_reference_of_a_document_leads_somewhere(platforms, name):
    document = document_of(platforms, name)

    def walk(value):
        if isinstance(value, dict):
            if "$ref" in value:
                place = document
                for step in value["$ref"].lstrip("#/").split("/"):
                    place = place[step]
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                walk(item)

    walk(document)
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_openapi_lists_the_documents(platforms):
    listed = platforms.ask("GET", "/openapi").json
    assert sorted(listed) == sorted(FORMATS)
    for path in listed.values():
        assert platforms.ask("GET", path).status == 200


@pytest.mark.parametrize("name", FORMATS)
def test_every_example_is_answered_as_the_document_says(own_platforms, name):
    document = document_of(own_platforms, name)
    token = own_platforms.native().call("token.create", {"set": {
        "name": "Everything", "store": 1, "scopes": SCOPES}})["token"]
    refresh = None
    for method, path, operation in operations(document):
        body = {"refresh": refresh} if path == "/auth/token/refresh/" else None
        answer = send_example(
            own_platforms, document, operation, method, path, token, body)
        status, response = success(operation)
        assert answer.status == status, (method, path, answer)
        if "content" not in response:
            assert answer.body == b"", (method, path)
            continue
        ((media_type, media),) = response["content"].items()
        assert answer.headers["content-type"].split(";")[0] == media_type
        conforms(document, schema_name(media), answer.json)
        names_every_key(document, media["schema"], answer.json)
        if path == "/auth/token/" and method == "POST":
            refresh = answer.json["refresh"]


@pytest.mark.parametrize("name", FORMATS)
def test_an_example_needs_the_scopes_that_its_operation_names_and_no_others(own_platforms,
                                                                            name):
    document = document_of(own_platforms, name)
    native = own_platforms.native()

    def answer_to(operation, method, path, scopes):
        # A token permits something: one that does nothing here.
        token = native.call("token.create", {"set": {
            "name": "Some", "store": 1, "scopes": scopes or ["changes.read"]}})["token"]
        return send_example(own_platforms, document, operation, method, path, token).status

    for method, path, operation in operations(document):
        if operation["security"] == []:
            continue
        (scopes,) = {tuple(*one.values()) for one in operation["security"]}
        for scope in scopes:
            others = [other for other in scopes if other != scope]
            assert answer_to(operation, method, path, others) in (401, 403), (path, scope)
        status, _ = success(operation)
        assert answer_to(operation, method, path, list(scopes)) == status, (method, path)


@pytest.mark.parametrize("name", FORMATS)
def test_refusals_have_the_shape_in_the_document(platforms, name):
    document = document_of(platforms, name)
    for method, path, operation in operations(document):
        if operation.get("security") == [] or method == "DELETE":
            continue
        answer = send_example(platforms, document, operation, method, path, "no-such-token")
        response = document["components"]["responses"][str(answer.status)]
        assert str(answer.status) in operation["responses"] and answer.status >= 400
        conforms(document, schema_name(next(iter(response["content"].values()))),
                 answer.json)


def test_a_document_names_the_public_address():
    with Platforms("--public-url", "https://shop.example.com") as platforms:
        document = document_of(platforms, "ecwid")
    assert document["servers"] == [{"url": "https://shop.example.com"}]
