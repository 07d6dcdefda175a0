"""Certificates of the tests' servers."""

import ipaddress
import subprocess
from pathlib import Path


def make_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A certificate for a host, by its name or address, signed by itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    try:
        kind = f"IP:{ipaddress.ip_address(host)}"
    except ValueError:
        kind = f"DNS:{host}"
    named = ["-subj", f"/CN={host}", "-addext", f"subjectAltName={kind}"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *named]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *files], check=True, capture_output=True, timeout=30)
    return certificate, key
