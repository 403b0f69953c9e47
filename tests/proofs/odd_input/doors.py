"""Every place where somebody can write something: read from our OpenAPI document, allauth's, and our pages' forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode

from django.http.response import HttpResponseBase
from django.test import Client

Send = Callable[[Mapping[str, str]], HttpResponseBase]
_TEXT = {
    "text",
    "email",
    "password",
    "hidden",
    "search",
    "url",
    "number",
    "tel",
    "datetime-local",
    "textarea",
    "select",
    "submit",
    "",
}


@dataclass(frozen=True, slots=True)
class Door:
    """One address with the fields that can be filled in there; `raw` sends a body as it is, where one is taken."""

    name: str
    client: Client
    fields: tuple[str, ...]
    send: Send
    raw: Callable[[bytes], HttpResponseBase] | None = None


def of_document(
    document: Mapping[str, Any], client: Client, *, samples: Mapping[str, str], leave_out: str = ""
) -> Iterator[Door]:
    """Yield bodies, queries, paths and headers (but one) of an OpenAPI document, all asked by `client`."""
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method not in {"get", "post", "put", "patch", "delete"}:
                continue
            where = path
            for name, value in samples.items():
                where = where.replace(f"{{{name}}}", value)
            label = f"{method.upper()} {path}"
            yield from _body(document, client, operation, method=method, where=where, label=label)
            given = [_resolved(document, one) for one in (*shared, *operation.get("parameters", []))]
            parameters = [one for one in given if one["name"] != leave_out]
            yield from _parameters(client, parameters, method=method, path=path, where=where, label=label)


def of_headers(client: Client, names: tuple[str, ...], *, where: str) -> Iterator[Door]:
    """Yield one door per header."""
    for name in names:
        yield Door(
            f"header {name}",
            client,
            (name,),
            lambda values, name=name: client.get(where, **{name: _as_header(values[name])}),
        )


def of_queries(client: Client, pages: Mapping[str, tuple[str, ...]]) -> Iterator[Door]:
    """Yield what pages take in their address."""
    for where, names in pages.items():
        yield Door(
            f"page {where}?{', '.join(names)}",
            client,
            names,
            lambda values, where=where: client.get(where, QUERY_STRING=encoded(values)),
        )


def of_pages(client: Client, addresses: Iterable[str]) -> Iterator[Door]:
    """Yield the forms on pages as whoever `client` is, one that stands on several pages once."""
    seen = set[str]()
    for address in addresses:
        for door in _of_page(client, address):
            if door.name not in seen:
                seen.add(door.name)
                yield door


def _of_page(client: Client, address: str) -> Iterator[Door]:
    page = client.get(address)
    if page.status_code != 200 or not page["Content-Type"].startswith("text/html"):
        return
    reader = _Forms()
    reader.feed(page.content.decode())
    for form in reader.forms:
        where = form.action.partition("#")[0] or address
        if where.startswith("http"):
            continue
        names = tuple(name for name in form.values if name != "csrfmiddlewaretoken")
        if names:
            yield _form_door(client, form, where=where, names=names)


@dataclass(slots=True)
class _Form:
    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms and what can be filled in."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(_Form(given.get("action", ""), given.get("method", "get").lower()))
            self._is_inside = True
        kind = given.get("type", "") if tag in {"input", "button"} else tag
        if (
            self._is_inside
            and tag in {"input", "button", "textarea", "select"}
            and kind in _TEXT
            and given.get("name")
        ):
            self.forms[-1].values[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """Note where a form ends."""
        if tag == "form":
            self._is_inside = False


def _form_door(client: Client, form: _Form, *, where: str, names: tuple[str, ...]) -> Door:
    def send(values: Mapping[str, str]) -> HttpResponseBase:
        filled = encoded({**form.values, **values})
        if form.method == "get":
            return client.get(where, QUERY_STRING=filled)
        return client.generic("POST", where, filled, content_type="application/x-www-form-urlencoded")

    def raw(body: bytes) -> HttpResponseBase:
        return client.generic("POST", where, body, content_type="application/x-www-form-urlencoded")

    return Door(
        f"{form.method} form {where}: {', '.join(names)}",
        client,
        names,
        send,
        raw if form.method == "post" else None,
    )


def _body(
    document: Mapping[str, Any],
    client: Client,
    operation: Mapping[str, Any],
    *,
    method: str,
    where: str,
    label: str,
) -> Iterator[Door]:
    if "requestBody" not in operation:
        return
    content = _resolved(document, operation["requestBody"])["content"]["application/json"]
    texts = dict(_texts(document, content["schema"]))

    def send(values: Mapping[str, str]) -> HttpResponseBase:
        filled = {name: [value] if texts[name] == "array" else value for name, value in values.items()}
        return raw(json.dumps(filled).encode())

    def raw(body: bytes) -> HttpResponseBase:
        return client.generic(method.upper(), where, body, content_type="application/json")

    if texts:
        yield Door(label, client, tuple(texts), send, raw)


def _parameters(
    client: Client, parameters: list[Mapping[str, Any]], *, method: str, path: str, where: str, label: str
) -> Iterator[Door]:
    query = tuple(one["name"] for one in parameters if one["in"] == "query")
    if query:
        yield Door(
            f"{label} ?{', '.join(query)}",
            client,
            query,
            lambda values: client.generic(method.upper(), where, QUERY_STRING=encoded(values)),
        )
    headers = tuple(one["name"] for one in parameters if one["in"] == "header")
    if headers:
        yield Door(
            f"{label} headers {', '.join(headers)}",
            client,
            headers,
            lambda values: client.generic(
                method.upper(),
                where,
                **{
                    f"HTTP_{name.upper().replace('-', '_')}": _as_header(value)
                    for name, value in values.items()
                },
            ),
        )
    for name in (one["name"] for one in parameters if one["in"] == "path" and one["name"] != "client"):
        yield Door(
            f"{label} in the path",
            client,
            (name,),
            lambda values, name=name: client.generic(
                method.upper(), path.replace(f"{{{name}}}", quote(_bytes(values[name]), safe=""))
            ),
        )


def _texts(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and type of everything in a body that is text."""
    schema = _resolved(document, schema)
    for kind in ("allOf", "oneOf", "anyOf"):
        for one in schema.get(kind, ()):
            yield from _texts(document, one)
    for name, said in schema.get("properties", {}).items():
        kind = _resolved(document, said).get("type", "string")
        yield name, kind


def _resolved(document: Mapping[str, Any], value: Mapping[str, Any]) -> Any:
    while "$ref" in value:
        found: Any = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _as_header(text: str) -> str:
    """Return what a server makes of the bytes of a header."""
    return _bytes(text).decode("latin-1")


def encoded(values: Mapping[str, str]) -> str:
    """Return a form or a query as bytes in percents; half characters become what no UTF-8 is."""
    return urlencode({name: _bytes(value) for name, value in values.items()})
