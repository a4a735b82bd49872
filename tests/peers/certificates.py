# SPDX-License-Identifier: Apache-2.0
"""Keys and self-made certificates of every kind, by OpenSSL's command line."""

import subprocess

KINDS = {
    "rsa1024": ["rsa:1024"],
    "rsa2048": ["rsa:2048"],
    "rsa4096": ["rsa:4096"],
    "ec-P-256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ec-P-384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ec-P-521": ["ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "ed25519": ["ed25519"],
    "ed448": ["ed448"],
}
CONFIG = "[req]\ndistinguished_name = name\n[name]\n"


def make(folder, kind="ec-P-256", subject="/CN=capnp", extension=None, digest="sha256",
         expired=False):
    """Paths of a key and its certificate, which has no extension but the one given."""
    name = f"{kind}-{abs(hash((subject, extension, digest, expired))):x}"
    key, certificate, config = (folder / f"{name}.{end}" for end in ("key", "crt", "cnf"))
    if certificate.exists():
        return key, certificate
    config.write_text(CONFIG)
    request = ["-newkey", *KINDS[kind], "-nodes", "-keyout", key, "-subj", subject, f"-{digest}",
               "-config", config]
    if expired:
        _openssl("req", *request, "-out", folder / f"{name}.csr")
        _openssl("x509", "-req", "-in", folder / f"{name}.csr", "-signkey", key, "-days", "-1", "-out",
                 certificate)
    else:
        _openssl("req", "-x509", *request, "-days", "3650", "-out", certificate,
                 *(["-addext", extension] if extension else []))
    return key, certificate


def _openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)
