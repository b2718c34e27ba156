"""Options of commands that call a server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from serving.client.access import Access

Tls = Annotated[bool, typer.Option("--tls", help="Speak TLS.")]
CaFile = Annotated[
    Path | None, typer.Option(help="With --tls: PEM certificates to trust instead of this machine's.", metavar="FILE")
]
CertificateFile = Annotated[
    Path | None, typer.Option(help="With --tls: PEM certificate to show to a server that asks.", metavar="FILE")
]
KeyFile = Annotated[Path | None, typer.Option(help="The PEM key of that certificate.", metavar="FILE")]
TokenFile = Annotated[
    Path | None, typer.Option(help="Holds the token of a server with --auth-token-file.", metavar="FILE")
]


def access(
    tls: bool,
    ca_file: Path | None,
    certificate_file: Path | None,
    key_file: Path | None,
    token_file: Path | None,
) -> "Access":
    """What the options say, checked. gRPC is imported with it, which `--help` need not wait for."""
    from serving.client.access import Access

    return Access(tls, ca_file, certificate_file, key_file, token_file)
