"""The tokens of the Django style: what a login gives, and what that is good for."""

import pytest

from support.rest import Platforms

JSON = {"Content-Type": "application/json"}
ACCOUNT = {"email": "new@example.com", "first_name": "N", "last_name": "E",
           "password": "sup3r s3cret", "password2": "sup3r s3cret"}
INVALID = "Given token not valid for any token type"


@pytest.fixture(scope="module")
def account(platforms):
    made = platforms.ask("POST", "/api/v1/customers/", JSON, ACCOUNT)
    assert made.status == 201
    operator = platforms.native()
    listed = operator.call("token.list")["items"]
    assert not any("errand" in token["name"] for token in listed)
    operator.close()
    return login(platforms).json


def login(platforms, **changes):
    body = dict({key: ACCOUNT[key] for key in ("email", "password")}, **changes)
    return platforms.ask("POST", "/auth/token/", JSON, body)


def own_id(account):
    """An answer of this format names no id; the refresh token does."""
    return int(account["refresh"].split("-")[1])


def get(platforms, id, token):
    return platforms.ask("GET", "/api/v1/customers/%d/" % id,
                         {"Authorization": "Bearer " + token})


def test_the_access_token_is_for_the_own_profile(platforms, account):
    id = own_id(account)
    assert get(platforms, id, account["access"]).json["email"] == ACCOUNT["email"]
    assert get(platforms, 123, account["access"]).status == 403
    assert get(platforms, 999999, account["access"]).status == 404
    changed = platforms.ask("PUT", "/api/v1/customers/%d/" % id, dict(
        JSON, Authorization="Bearer " + account["access"]), {"first_name": "Anna"})
    assert changed.json["slug"] == "anna-e"


def test_the_refresh_token_only_refreshes(platforms, account):
    id = own_id(account)
    assert get(platforms, id, account["refresh"]).status == 403
    answer = platforms.ask("POST", "/auth/token/refresh/", JSON,
                           {"refresh": account["refresh"]})
    assert answer.status == 200 and list(answer.json) == ["access"]
    assert get(platforms, id, answer.json["access"]).status == 200


@pytest.mark.parametrize("forge", [
    lambda token: token.replace("-", "-1", 1),       # another customer
    lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
    lambda token: "refresh-123-", lambda token: "refresh-0-x", lambda token: "x",
    lambda token: "YOUR_TOKEN"])
def test_a_forged_refresh_token_is_none(platforms, account, forge):
    answer = platforms.ask("POST", "/auth/token/refresh/", JSON,
                           {"refresh": forge(account["refresh"])})
    assert answer.status == 401 and answer.json["detail"] == INVALID


@pytest.mark.parametrize("changes", [
    {"password": "wrong"}, {"email": "nobody@example.com"}, {"email": "x"},
    {"email": "john.doe@example.com"}])
def test_a_wrong_login_is_always_answered_alike(platforms, account, changes):
    answer = login(platforms, **changes)
    assert (answer.status, answer.json) == (
        401, {"detail": "No active account found with the given credentials"})


def test_tokens_end(platforms, account):
    operator = platforms.native()
    tokens = [token for token in operator.call("token.list")["items"]
              if token["name"].startswith("customerd-rest")]
    assert tokens and all(token["customer"] == own_id(account) for token in tokens)
    now = operator.call("ping")["time"]
    lives = {token["name"]: token["expires_at"] - now for token in tokens}
    assert 0 < lives["customerd-rest: access"] <= 5 * 60 * 1000
    assert 0 < lives["customerd-rest: refresh"] <= 24 * 3600 * 1000
    operator.close()


def test_a_deleted_account_is_nobody(platforms):
    body = dict(ACCOUNT, email="gone@example.com")
    assert platforms.ask("POST", "/api/v1/customers/", JSON, body).status == 201
    tokens = login(platforms, email="gone@example.com").json
    id = own_id(tokens)
    headers = {"Authorization": "Bearer " + tokens["access"]}
    assert platforms.ask("DELETE", "/api/v1/customers/%d/" % id, headers).status == 204
    assert get(platforms, id, tokens["access"]).status in (401, 404)
    assert login(platforms, email="gone@example.com").status == 401


def test_without_a_public_store_there_are_no_public_routes():
    with Platforms("--public-store", "4294967295") as platforms:
        for target, body in (("/auth/token/", {"email": "a@b.co", "password": "x"}),
                             ("/api/v1/customers/", ACCOUNT)):
            answer = platforms.ask("POST", target, JSON, body)
            assert answer.status >= 400 and list(answer.json) == ["detail"]
