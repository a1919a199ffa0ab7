"""A certificate for 127.0.0.1 and the authority that signed it, made when a test needs it."""

from __future__ import annotations

import ssl

import trustme


def make_certificate() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the server's context and that of a client which trusts it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client
