"""What the dashboard's pages may load and run, whatever text they show."""

import secrets

# Plotly and the web components of TFMA and TFDV set styles from scripts, which cannot be told from styles in text.
_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' file: 'unsafe-inline'; img-src data:; "
    "frame-src 'self' file:; base-uri 'none'; form-action 'none'"
)


def new_nonce() -> str:
    """A word that scripts must show to run: made after the text of a log was written, so that no log can hold it."""
    return secrets.token_urlsafe(16)


def policy(nonce: str) -> str:
    """A Content-Security-Policy: only scripts with this word run, and nothing is asked of other hosts.

    It holds in files as well as from a server. `file:` is for browsers to which 'self' is no file.
    """
    return _POLICY.format(nonce=nonce)
