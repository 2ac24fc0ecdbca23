"""A certificate authority of the tests, and what it issues."""

from __future__ import annotations

from pathlib import Path

import grpc
import trustme


class Authority:
    """A certificate authority and files of what it issued."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)
        self.server = self.ca.issue_cert("localhost", "127.0.0.1")
        client = self.ca.issue_cert("worker@example.com")
        self.client_chain, self.client_key, self.client_both = (folder / name for name in ("chain", "key", "both"))
        client.cert_chain_pems[0].write_to_path(self.client_chain)
        client.private_key_pem.write_to_path(self.client_key)
        client.private_key_and_cert_chain_pem.write_to_path(self.client_both)

    def credentials(self, *, mutual: bool = False) -> grpc.ServerCredentials:
        pair = (self.server.private_key_pem.bytes(), self.server.cert_chain_pems[0].bytes())
        return grpc.ssl_server_credentials(
            [pair], root_certificates=self.ca.cert_pem.bytes() if mutual else None, require_client_auth=mutual
        )


def serving(certificate: trustme.LeafCert) -> grpc.ServerCredentials:
    """Credentials of a gRPC server with this certificate."""
    return grpc.ssl_server_credentials(
        [(certificate.private_key_pem.bytes(), b"".join(pem.bytes() for pem in certificate.cert_chain_pems))]
    )
