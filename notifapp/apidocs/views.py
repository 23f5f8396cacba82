"""`/api/openapi.json` and `/api/docs`."""

from __future__ import annotations

from flask import Response, render_template, request

from notifapp.access import public
from notifapp.apidocs import samples
from notifapp.apidocs.document import VERSION, serialized
from notifapp.apidocs.reference import chapters, error_responses, permissions
from notifapp.web.openapi import ERROR_CODES


@public
def openapi() -> Response:
    """The API as an OpenAPI 3.1 document."""
    data, tag = serialized()
    response = Response(data, mimetype="application/json")
    response.set_etag(tag)
    response.make_conditional(request)
    return response


@public
def page() -> str:
    """The same document as a page for people; its examples call this server."""
    server = request.host_url.rstrip("/")
    return render_template(
        "apidocs/page.html",
        chapters=chapters(),
        errors=error_responses(),
        permissions=permissions(),
        server=server,
        version=VERSION,
        error_codes=ERROR_CODES,
        samples=samples,
    )
