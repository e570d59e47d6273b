"""Requests that must be refused, and their neighbours that must not: bytes -> status.

The numbers are those of the catalogue of bad inputs that the shim was built against.
Every refusal also ends the connection cleanly, without a reset, and whatever came
behind the refused bytes is never taken for a request.
"""

import pytest

HOST = b"Host: x\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"


def get(target=b"/", headers=HOST, version=b"HTTP/1.1", method=b"GET"):
    return method + b" " + target + b" " + version + b"\r\n" + headers + b"\r\n"


def post(headers, body=b"", version=b"HTTP/1.1"):
    return b"POST / " + version + b"\r\n" + HOST + headers + b"\r\n" + body


def length(value, body=b"abc"):
    return post(b"Content-Length: " + value + b"\r\n", body)


def coding(value, body=b"3\r\nabc\r\n0\r\n\r\n"):
    return post(b"Transfer-Encoding: " + value + b"\r\n", body)


def chunked(body):
    return coding(b"chunked", body)


REFUSED = {
    # 68, 69: the length of the body
    "length and coding": (400, post(
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED)),
    "coding and length": (400, post(
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n" + SMUGGLED)),
    "two lengths, equal": (400, length(b"3\r\nContent-Length: 3")),
    "two lengths": (400, length(b"3\r\nContent-Length: 0", b"abc" + SMUGGLED)),
    "length as a list": (400, length(b"3, 3")),
    "length with a plus": (400, length(b"+3")),
    "length with a minus": (400, length(b"-1")),
    "length in hexadecimal": (400, length(b"0x3")),
    "length with an underscore": (400, length(b"3_0")),
    "length with a space": (400, length(b"1 0", b"0123456789")),
    "length of nothing": (400, length(b"")),
    "length of 20 digits": (400, length(b"99999999999999999999")),
    "length beyond 64 bits": (400, length(b"18446744073709551619")),
    # 70-72: transfer codings
    "coding xchunked": (501, coding(b"xchunked")),
    "coding gzip, chunked": (501, coding(b"gzip, chunked")),
    "coding chunked, gzip": (400, coding(b"chunked, gzip")),
    "coding chunked twice": (400, coding(b"chunked, chunked")),
    "coding in two headers": (400, coding(b"chunked\r\nTransfer-Encoding: chunked")),
    "coding identity": (501, coding(b"identity")),
    "coding of nothing": (400, coding(b"")),
    "coding behind a vertical tab": (400, coding(b"\x0bchunked")),
    "coding before a form feed": (400, coding(b"chunked\x0c")),
    "coding folded": (400, coding(b"\r\n chunked")),
    "coding with a space in its name": (400, post(
        b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n")),
    "coding with an underscore": (400, post(
        b"Transfer_Encoding: chunked\r\nContent-Length: 0\r\n")),
    "length with an underscore in its name": (400, post(
        b"Content_Length: 3\r\nContent-Length: 0\r\n")),
    "coding in HTTP/1.0": (400, post(
        b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"HTTP/1.0")),
    # 73, 74: chunks
    "chunk of 68 bits": (400, chunked(b"fffffffffffffffff\r\n")),
    "chunk of -1": (400, chunked(b"-1\r\nabc\r\n0\r\n\r\n")),
    "chunk of +3": (400, chunked(b"+3\r\nabc\r\n0\r\n\r\n")),
    "chunk of 0x3": (400, chunked(b"0x3\r\nabc\r\n0\r\n\r\n")),
    "chunk with a space behind": (400, chunked(b"3 \r\nabc\r\n0\r\n\r\n")),
    "chunk with a space before": (400, chunked(b" 3\r\nabc\r\n0\r\n\r\n")),
    "chunk without a size": (400, chunked(b"\r\nabc\r\n0\r\n\r\n")),
    "chunk with an extension of 1 MB": (413, chunked(
        b"3;" + b"e" * 1000000 + b"\r\nabc\r\n0\r\n\r\n")),
    "chunk with a bare LF": (400, chunked(b"3\nabc\r\n0\r\n\r\n")),
    "chunk with a bare CR": (400, chunked(b"3\rabc\r\n0\r\n\r\n")),
    "chunk extension with a bare LF": (400, chunked(b"3;a\nb\r\nabc\r\n0\r\n\r\n")),
    "chunk extension with a bare CR": (400, chunked(b"3;a\rb\r\nabc\r\n0\r\n\r\n")),
    "chunk extension with a NUL": (400, chunked(b"3;a\0b\r\nabc\r\n0\r\n\r\n")),
    "chunk without its end": (400, chunked(b"3\r\nabc0\r\n\r\n")),
    "chunk longer than its size": (400, chunked(b"3\r\nabcd\r\n0\r\n\r\n")),
    "chunk data with a bare LF behind": (400, chunked(b"3\r\nabc\n0\r\n\r\n")),
    "last chunk with a bare LF": (400, chunked(b"3\r\nabc\r\n0\n\r\n")),
    "last line a bare LF": (400, chunked(b"3\r\nabc\r\n0\r\n\n")),
    "trailer": (400, chunked(b"3\r\nabc\r\n0\r\nX: y\r\n\r\n")),
    "trailer Content-Length": (400, chunked(
        b"3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n")),
    "trailer Transfer-Encoding": (400, chunked(
        b"3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    "trailer Authorization": (400, chunked(
        b"3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\n\r\n")),
    "trailer Host": (400, chunked(b"3\r\nabc\r\n0\r\nHost: evil\r\n\r\n")),
    "trailer with a NUL": (400, chunked(b"3\r\nabc\r\n0\r\nX: \0\r\n\r\n")),
    # 75, 76: lines
    "bare LF": (400, b"GET / HTTP/1.1\nHost: x\n\n"),
    "bare LF behind a header": (400, b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"),
    "bare LF for the last line": (400, b"GET / HTTP/1.1\r\nHost: x\r\n\n"),
    "bare CR": (400, b"GET / HTTP/1.1\rHost: x\r\r"),
    "1,000 empty lines": (400, b"\r\n" * 1000 + get()),
    "folded header": (400, get(headers=HOST + b"A: b\r\n c\r\n")),
    "folded header with a tab": (400, get(headers=HOST + b"A: b\r\n\tc\r\n")),
    "first header begins with a space": (400, get(headers=b" " + HOST)),
    # 77-79: headers
    "name of nothing": (400, get(headers=HOST + b": a\r\n")),
    "name with a space": (400, get(headers=HOST + b"A B: c\r\n")),
    "name with a space behind": (400, get(headers=HOST + b"A : c\r\n")),
    "name with a tab": (400, get(headers=HOST + b"A\t: c\r\n")),
    "name of 8 bits": (400, get(headers=HOST + b"\xc4: c\r\n")),
    "no colon": (400, get(headers=HOST + b"Accept\r\n")),
    "name with a NUL": (400, get(headers=HOST + b"A\0: c\r\n")),
    "name of 40 KB": (431, get(headers=HOST + b"A" * 40000 + b": c\r\n")),
    "1,000 headers": (431, get(headers=HOST + b"A: b\r\n" * 1000)),
    "64 KB in one header": (431, get(headers=HOST + b"A: " + b"b" * 65536 + b"\r\n")),
    "value with a NUL": (400, get(headers=HOST + b"A: b\0c\r\n")),
    "value with a CR": (400, get(headers=HOST + b"A: b\rc\r\n")),
    "value with an ESC": (400, get(headers=HOST + b"A: b\x1b[2J\r\n")),
    "value with a DEL": (400, get(headers=HOST + b"A: b\x7f\r\n")),
    # 80: the host
    "no host": (400, get(headers=b"")),
    "two hosts": (400, get(headers=HOST + HOST)),
    "empty host": (400, get(headers=b"Host: \r\n")),
    "host with a path": (400, get(headers=b"Host: x/y\r\n")),
    "host with user info": (400, get(headers=b"Host: ada@x\r\n")),
    "host with a bad port": (400, get(headers=b"Host: x:80a\r\n")),
    "host with a space": (400, get(headers=b"Host: x y\r\n")),
    "host with half a bracket": (400, get(headers=b"Host: [::1\r\n")),
    "host differs from the target's": (400, get(b"http://y/")),
    # 81: the method
    "method in small letters": (501, get(method=b"get")),
    "method of 1 KB": (501, get(method=b"G" * 1024)),
    "method G@T": (400, get(method=b"G@T")),
    "method CONNECT": (501, get(b"x:443", method=b"CONNECT")),
    "method TRACE": (501, get(method=b"TRACE")),
    "method PROPFIND": (501, get(method=b"PROPFIND")),
    "preface of HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64),
    # 82: the target
    "no target": (400, b"GET  HTTP/1.1\r\n" + HOST + b"\r\n"),
    "target of 1 MB": (414, get(b"/" + b"a" * (1 << 20))),
    "target just too long": (414, get(b"/" + b"a" * 8192)),
    "target *": (400, get(b"*")),
    "target with a fragment": (400, get(b"/a#b")),
    "target without a slash": (400, get(b"a")),
    "target with another scheme": (400, get(b"ftp://x/")),
    "target with user info": (400, get(b"http://ada@x/")),
    "dots": (400, get(b"/a/../b")),
    "one dot": (400, get(b"/a/./b")),
    "dots at the end": (400, get(b"/a/..")),
    "dots, encoded": (400, get(b"/a/%2e%2e/b")),
    "dots, half encoded": (400, get(b"/a/.%2E/b")),
    "backslash": (400, get(b"/a\\b")),
    "backslash, encoded": (400, get(b"/a%5Cb")),
    "space": (400, get(b"/a b")),
    "8 bits": (400, get(b"/\xc3\xa9")),
    "NUL, encoded": (400, get(b"/a%00b")),
    "line end, encoded": (400, get(b"/a%0d%0aX: y")),
    "line end, encoded, without a space": (400, get(b"/a%0d%0aX:y")),
    "slash, encoded": (400, get(b"/a%2Fb")),
    "slash, encoded in small letters": (400, get(b"/a%2fb")),
    "slash, overlong": (400, get(b"/a%c0%afb")),
    "surrogate, encoded": (400, get(b"/a%ed%a0%80b")),
    "latin 1, encoded": (400, get(b"/caf%e9")),
    "%u0041": (400, get(b"/%u0041")),
    "%zz": (400, get(b"/%zz")),
    "% at the end": (400, get(b"/a%")),
    "%4 at the end": (400, get(b"/a%4")),
    "NUL in the query": (400, get(b"/?a=b%00c")),
    "bad escape in the query": (400, get(b"/?a=%zz")),
    "latin 1 in the query": (400, get(b"/?a=%e9")),
    "backslash in the query": (400, get(b"/?a=\\")),
    "200 segments": (414, get(b"/a" * 200)),
    "1,000 parameters": (414, get(b"/?" + b"a&" * 1000)),
    # 83: the version
    "HTTP/0.9": (505, get(version=b"HTTP/0.9")),
    "HTTP/1.9": (505, get(version=b"HTTP/1.9")),
    "HTTP/2.0": (505, get(version=b"HTTP/2.0")),
    "HTTP/01.1": (400, get(version=b"HTTP/01.1")),
    "HTTP/1.10": (400, get(version=b"HTTP/1.10")),
    "http/1.1": (400, get(version=b"http/1.1")),
    "no version": (400, b"GET /\r\n" + HOST + b"\r\n"),
    "two spaces before the version": (400, b"GET /  HTTP/1.1\r\n" + HOST + b"\r\n"),
    "space behind the version": (400, b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n"),
    # 84, 85, 89, 91
    "expectation of something else": (417, post(
        b"Expect: foo\r\nContent-Length: 3\r\n", b"abc")),
    "POST without a length": (411, post(b"")),
    "PUT without a length": (411, b"PUT / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "PATCH without a length": (411, b"PATCH / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "body of 10 GB": (413, length(b"10000000000", b"")),
    "body too long by a byte": (413, length(b"262145", b"")),
    "chunks of more than the bound": (413, chunked(
        (b"8000\r\n" + b"a" * 32768 + b"\r\n") * 9 + b"0\r\n\r\n")),
    "gzip": (415, post(b"Content-Encoding: gzip\r\nContent-Length: 3\r\n", b"abc")),
}

ACCEPTED = {
    "plain": get(),
    "length with spaces around": length(b" 3 "),
    "length with leading zeros": length(b"003"),
    "coding in capitals": coding(b"Chunked"),
    "coding with a space behind": coding(b"chunked "),
    "chunk with an extension": chunked(b"3;a=b\r\nabc\r\n0\r\n\r\n"),
    "chunk with a quoted extension": chunked(b'3;a="b"\r\nabc\r\n0\r\n\r\n'),
    "one empty line before": b"\r\n" + get(),
    "empty value": get(headers=HOST + b"A:\r\n"),
    "value with a tab": get(headers=HOST + b"A: b\tc\r\n"),
    "value of 8 bits": get(headers=HOST + b"A: \xc3\xa9\r\n"),
    "100 headers": get(headers=HOST + b"A: b\r\n" * 99),
    "host with a port": get(headers=b"Host: localhost:7480\r\n"),
    "host as IPv6": get(headers=b"Host: [::1]:7480\r\n"),
    "absolute target": get(b"http://x/a"),
    "absolute target, only a host": get(b"HTTP://X"),
    "two slashes": get(b"//a"),
    "target of 8 KB": get(b"/" + b"a" * 8191),
    "raw brackets in the query": get(b"/?filter[q][email_eq]=a&id:in=2,3"),
    "slash in the query, encoded": get(b"/?a=b%2Fc%5C"),
    "HTTP/1.0": get(version=b"HTTP/1.0"),
    "HTTP/1.0 without a host": get(version=b"HTTP/1.0", headers=b""),
    "OPTIONS *": get(b"*", method=b"OPTIONS"),
    "POST of nothing": length(b"0", b""),
    "DELETE without a length": get(method=b"DELETE"),
    "GET with a body": get(headers=HOST + b"Content-Length: 3\r\n") + b"abc",
    "DELETE with a body": get(method=b"DELETE", headers=HOST + b"Content-Length: 2\r\n") + b"{}",
    "longest body": length(b"262144", b"a" * 262144),
    "identity": post(b"Content-Encoding: identity\r\nContent-Length: 3\r\n", b"abc"),
    # 92, 95, 98: ignored
    "upgrade to h2c": get(headers=HOST + b"Connection: Upgrade, HTTP2-Settings\r\n"
                          b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"),
    "upgrade to websocket": get(headers=HOST + b"Connection: Upgrade\r\n"
                                b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
    "range": get(headers=HOST + b"Range: bytes=0-1\r\n"),
}


@pytest.mark.parametrize("status, request_bytes", REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused_and_the_connection_ends(echo, status, request_bytes):
    with echo.dial() as dialogue:
        answer = dialogue.send(request_bytes + SMUGGLED).answer()
        assert answer.status == status, answer
        assert answer.closes
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["status"] == status and answer.json["detail"]
        assert dialogue.is_over(), "nothing follows a refusal"


@pytest.mark.parametrize("request_bytes", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_it_is_accepted_and_so_is_the_next(echo, request_bytes):
    with echo.dial() as dialogue:
        answer = dialogue.send(request_bytes).answer()
        assert answer.status == 200, answer
        if b"HTTP/1.0" not in request_bytes:
            assert dialogue.send(get(b"/next")).answer().json["path"] == "/next"


@pytest.mark.parametrize("name", ["method PROPFIND", "two hosts", "folded header", "bare LF",
                                  "chunk of -1", "body of 10 GB", "%zz", "1,000 headers"])
def test_one_byte_at_a_time_it_is_refused_all_the_same(echo, name):
    status, request_bytes = REFUSED[name]
    with echo.dial() as dialogue:
        try:
            for byte in request_bytes[:12000]:
                dialogue.send(bytes([byte]))
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert dialogue.answer().status == status


@pytest.mark.parametrize("header", [b"X-HTTP-Method-Override: DELETE", b"X-HTTP-Method: DELETE",
                                    b"X-Method-Override: DELETE"])
def test_a_method_is_not_overridden(echo, header):
    answer = echo.ask(post(header + b"\r\nContent-Length: 14\r\n", b"_method=DELETE"))
    assert answer.json["method"] == "POST"


def test_a_log_line_tells_the_refusal_but_not_the_bytes(own_echo):
    echo = own_echo()
    echo.ask(get(b"/a%00secret-path"))
    echo.ask(get(b"/b?token=secret-token&email=ada%40example.com"))
    echo.terminate()
    refused, served = echo.events("request")
    assert refused["status"] == 400 and refused["why"] == "The path is malformed."
    assert served["query"] == "token,email"
    assert "secret-token" not in "".join(echo.log) and "example" not in "".join(echo.log)
