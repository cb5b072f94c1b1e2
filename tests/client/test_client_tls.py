"""https: a certificate that the machine trusts is enough, and one that it does not trust is refused in a sentence."""

import datetime
import ipaddress
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = {"id": "key-1", "name": "", "prefix": "sk-lu", "user": "a@b.c", "team": "violins", "scopes": None}


class Answers(BaseHTTPRequestHandler):
    """Knows one key."""

    def do_GET(self) -> None:
        body = json.dumps(KEY).encode()
        self.send_response(200 if self.headers["authorization"] == "Bearer sk-luthier-x" else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_given: object) -> None: ...


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "luthier")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    kept = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*kept))
    return path


@pytest.fixture(scope="module")
def url(certificate: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def login(url: str, home: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    usual = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "client"), "XDG_CONFIG_HOME": str(home)}
    environment = {**usual, "LC_ALL": "C.UTF-8", **variables}
    command = [sys.executable, "-m", "luthier", "login", "--url", url, "--key-file", "-"]
    return subprocess.run(command, env=environment, input="sk-luthier-x", capture_output=True, text=True)


def test_a_trusted_server_gets_the_key_without_a_warning(url: str, certificate: Path, tmp_path: Path) -> None:
    done = login(url, tmp_path, SSL_CERT_FILE=str(certificate))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "luthier" / "login.json").read_text())["url"] == url


def test_another_does_not(url: str, tmp_path: Path) -> None:
    done = login(url, tmp_path)
    assert done.returncode == 6
    assert "does not answer" in done.stderr
    assert "certificate" in done.stderr.lower()
    assert not (tmp_path / "luthier").exists()
