"""Calls of addresses that people name: where they may go, and how much of time and memory an answer may take."""

import datetime
import gzip
import ipaddress
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from common.outbound import AddressRefused, NoAnswer, OutboundError, addresses, require_address, send, sending
from tests.receiver import Receiver, dripping, receiving

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOW = LOOPBACK


@pytest.fixture
def receiver(allowed: None) -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def named(monkeypatch: pytest.MonkeyPatch, *found: str) -> list[str]:
    """Let every name lie at the addresses `found`; returns the names that were looked up."""
    asked: list[str] = []

    def look_up(host: str, port: int) -> list[Any]:
        asked.append(host)
        return [ipaddress.ip_address(text) for text in found]

    monkeypatch.setattr(addresses, "look_up", look_up)
    return asked


class TestWhereItGoes:
    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/", "http://0/",
            "http://10.1.2.3/", "http://172.16.0.1/", "http://192.168.1.1/", "http://100.64.0.1/", "http://169.254.169.254/",
            "http://224.0.0.1/", "http://255.255.255.255/", "http://240.0.0.1/", "http://192.0.2.1/", "http://198.18.0.1/",
            "http://[::]/", "http://[fe80::1]/", "http://[fd00::1]/", "http://[fec0::1]/", "http://[ff02::1]/",
            "http://[::ffff:127.0.0.1]/", "http://[::ffff:a9fe:a9fe]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/", "http://[2001:0:7f00:1::1]/", "http://[2001:db8::1]/", "http://[64:ff9b:1::1]/",
        ],
    )  # fmt: skip
    def test_an_address_that_is_not_public_is_refused(self, url: str) -> None:
        with pytest.raises(AddressRefused, match="not on the public internet") as refused:
            require_address(url)
        assert refused.value.status == 400
        with pytest.raises(AddressRefused):
            send(url)

    @pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
    def test_a_public_one_may_be_called(self, text: str) -> None:
        assert addresses.is_allowed(ipaddress.ip_address(text))

    def test_an_administrator_allows_networks_and_no_more_than_these(self, settings: Any) -> None:
        settings.OUTBOUND_ALLOW = (ipaddress.ip_network("10.0.0.0/24"), ipaddress.ip_network("fd00::/16"))
        may = [addresses.is_allowed(ipaddress.ip_address(text)) for text in ("10.0.0.9", "::ffff:10.0.0.9", "fd00::1")]
        assert may == [True, True, True]
        assert not addresses.is_allowed(ipaddress.ip_address("10.0.1.9"))

    def test_one_private_address_among_public_ones_is_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        named(monkeypatch, "8.8.8.8", "10.0.0.1")
        with pytest.raises(AddressRefused, match=r"mixed\.test is not on the public internet"):
            send("http://mixed.test/")

    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("file:///etc/passwd", "must begin with https://"), ("gopher://example.com/", "must begin with https://"),
            ("//example.com/", "must begin with https://"), ("http://a:b@example.com/", "user name or password"),
            ("https://xn--", "such as"), ("https://xn--bx'/", "such as"), ("http://", "such as https://example.com"),
            ("http://example.com:0/", "such as https://example.com"), ("http://example.com/\r\nX: y", "without spaces"),
            ("http://exa mple.com/", "without spaces"), ("http://example.com:99999/", "such as"), ("", "such as"),
            ("https://example.com/" + "x" * 2048, "at most 2,048"),
        ],
    )  # fmt: skip
    def test_what_is_no_address_is_refused_in_words(self, url: str, told: str) -> None:
        with pytest.raises(AddressRefused, match=told):
            require_address(url)

    def test_a_name_that_nobody_has_is_told(self) -> None:
        with pytest.raises(OutboundError, match=r"nobody\.invalid cannot be found"):
            require_address("https://nobody.invalid/")

    def test_a_name_is_looked_up_once_and_the_connection_goes_there(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = named(monkeypatch, "127.0.0.1")
        reply = send(
            f"http://hooks.test:{receiver.port}/a?b=c#d", content=b"{}", headers={"host": "else.test", "X-A": "1"}
        )
        assert (reply.status, reply.content, reply.is_whole) == (200, b"ok", True)
        assert asked == ["hooks.test"]
        [came] = receiver.received
        assert (came.method, came.path, came.body) == ("POST", "/a?b=c", b"{}")
        assert (came.headers["host"], came.headers["x-a"]) == (f"hooks.test:{receiver.port}", "1")

    def test_where_one_address_is_dead_the_next_is_tried(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        named(monkeypatch, "127.0.0.2", "127.0.0.1")
        assert send(f"http://hooks.test:{receiver.port}/").is_success

    def test_no_redirect_is_followed(self, receiver: Receiver) -> None:
        receiver.answer = lambda came: (302, {"location": f"http://127.0.0.1:{receiver.port}/inner"}, b"")
        assert send(receiver.url).status == 302
        assert [came.path for came in receiver.received] == ["/hook"]

    def test_no_proxy_of_the_environment_is_asked(self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        with receiving() as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
            assert send(receiver.url).is_success
            assert proxy.received == []


class TestCertificates:
    @pytest.fixture
    def secure(self, allowed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
        """Answer by TLS as hooks.test, with a certificate that the sender trusts."""
        _write_certificate(tmp_path, "hooks.test")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        monkeypatch.setattr(sending, "_certificates", lambda: ssl.create_default_context(cafile=tmp_path / "cert.pem"))
        named(monkeypatch, "127.0.0.1")
        with receiving(context) as found:
            yield found

    def test_it_is_the_names_and_not_the_addresss(self, secure: Receiver) -> None:
        assert send(f"https://hooks.test:{secure.port}/").is_success

    @pytest.mark.parametrize("host", ["other.test", "127.0.0.1"])
    def test_another_names_is_refused(self, secure: Receiver, host: str) -> None:
        with pytest.raises(NoAnswer, match="no certificate for this name"):
            send(f"https://{host}:{secure.port}/")
        assert secure.received == []


class TestBounds:
    def test_a_long_answer_is_cut_off(self, receiver: Receiver) -> None:
        receiver.answer = lambda came: (200, {}, b"[" + b"1," * 50_000 + b"1]")
        reply = send(receiver.url, max_answer_bytes=1000)
        assert (len(reply.content), reply.is_whole) == (1000, False)
        with pytest.raises(NoAnswer, match="too long"):
            reply.json()

    def test_a_packed_answer_does_not_swell(self, receiver: Receiver) -> None:
        packed = gzip.compress(bytes(10_000_000))
        receiver.answer = lambda came: (200, {"content-encoding": "gzip"}, packed)
        assert send(receiver.url).content == packed
        assert receiver.received[0].headers["accept-encoding"] == "identity"

    @pytest.mark.parametrize(
        ("first", "drop"),
        [(b"", b""), (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"), (b"HTTP/1.1 200 OK\r\n\r\n", b"x")],
        ids=["silence", "endless headers", "endless body"],
    )
    def test_all_of_it_ends_in_time(self, allowed: None, first: bytes, drop: bytes) -> None:
        started = time.monotonic()
        with dripping(first, drop) as port, pytest.raises(NoAnswer, match=r"within 0\.4 seconds"):
            send(f"http://127.0.0.1:{port}/", seconds=0.4)
        assert time.monotonic() - started < 5

    def test_what_is_no_http_is_told(self, allowed: None) -> None:
        with dripping(b"SSH-2.0-OpenSSH\r\n", b"\r\n") as port, pytest.raises(NoAnswer, match="did not answer by HTTP"):
            send(f"http://127.0.0.1:{port}/")

    def test_nobody_there_is_told(self, allowed: None) -> None:
        with receiving() as gone:
            pass
        with pytest.raises(NoAnswer, match="cannot be connected to"):
            send(gone.url)

    @pytest.mark.parametrize("content", [b"no", b"[" * 100_000])
    def test_an_answer_that_is_no_json_is_told(self, receiver: Receiver, content: bytes) -> None:
        receiver.answer = lambda came: (200, {}, content)
        with pytest.raises(NoAnswer, match="not JSON"):
            send(receiver.url).json()


def _write_certificate(folder: Path, host: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = made.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *plain))
