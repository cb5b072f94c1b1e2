"""Mail through a real SMTP conversation: to whom asked for it, in their language, again where a server is away."""

import email
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import Message
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from accounts.models import Team, User
from console import environment
from notifications import mailing, services
from notifications.models import Notice
from tests.notifications.conftest import person
from tests.notifications.test_notifications import FAILED, browser, happen
from webhooks import events

URL = "LUTHIER_MAIL_URL"


@dataclass
class Server:
    port: int = 0
    is_full: bool = False
    mails: list[Message] = field(default_factory=list)


@contextmanager
def smtp() -> Iterator[Server]:
    """Take mail as a server does, one connection after another."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(port=listener.getsockname()[1])

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as lines:
                _talk(server, lines)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def _talk(server: Server, lines: Any) -> None:
    def say(text: str) -> None:
        lines.write(f"{text}\r\n".encode())
        lines.flush()

    say("220 test")
    while line := lines.readline().strip().upper():
        if line.startswith(b"QUIT"):
            say("221 bye")
            return
        if line.startswith(b"RCPT") and server.is_full:
            say("452 full")
        elif line == b"DATA":
            say("354 go on")
            body = b"".join(iter(lines.readline, b".\r\n"))
            server.mails.append(email.message_from_bytes(body))
            say("250 taken")
        else:
            say("250 fine")


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    with smtp() as found:
        settings.MAIL_IS_ON = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", found.port
        yield found


@pytest.fixture
def reader(team: Team, server: Server) -> User:
    """Alice, who hears of failures by mail alone."""
    user = person("alice")
    services.choose(user=user, on_pages=[], by_mail=[FAILED], of_others=False)
    return user


def text_of(mail: Message) -> str:
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    return body.decode()


@pytest.mark.django_db
class TestMail:
    def test_goes_to_who_asked_for_it_once(self, team: Team, bob: str, reader: User, server: Server) -> None:
        happen(team)
        happen(team, kind="fine_tuning.job.succeeded")
        mailing.send_waiting()
        mailing.send_waiting()
        [mail] = server.mails
        assert (mail["To"], mail["Subject"]) == ("alice@example.com", "[Luthier] A job has failed: invoice-v3")
        for part in ("Memory ran out.", "/jobs/ftjob-1", "/notifications"):
            assert part in text_of(mail)
        assert Notice.objects.get().mail == "sent"
        assert services.num_unread(reader) == 0, "they are not on the pages"

    def test_is_in_the_readers_language(self, team: Team, reader: User, server: Server) -> None:
        User.objects.filter(pk=reader.pk).update(language="zh-hans")
        happen(team)
        mailing.send_waiting()
        assert "任务失败" in text_of(server.mails[0])

    def test_no_header_can_be_slipped_in(self, team: Team, reader: User, server: Server) -> None:
        happen(team)
        Notice.objects.update(subject="x\r\nBcc: eve@example.com")
        mailing.send_waiting()
        assert server.mails[0]["Bcc"] is None
        assert "Bcc: eve" in server.mails[0]["Subject"]

    def test_is_tried_again_and_given_up_after_days(self, team: Team, reader: User, server: Server) -> None:
        server.is_full = True
        happen(team)
        mailing.send_waiting()
        found = Notice.objects.get()
        assert (found.mail, found.num_failures) == ("waiting", 1)
        assert found.mail_at is not None
        assert found.mail_at > timezone.now()
        server.is_full = False
        Notice.objects.update(mail_at=timezone.now())
        mailing.send_waiting()
        assert len(server.mails) == 1
        server.is_full = True
        happen(team, number=2)
        Notice.objects.filter(mail="waiting").update(created_at=timezone.now() - timedelta(days=3))
        mailing.send_waiting()
        assert set(Notice.objects.values_list("mail", flat=True)) == {"sent", "failed"}

    def test_a_server_that_is_away_is_no_fault(self, team: Team, reader: User, settings: Any) -> None:
        settings.EMAIL_PORT = 1
        happen(team)
        mailing.send_waiting()
        assert Notice.objects.get().mail == "waiting"

    def test_switched_off_nothing_waits(self, team: Team, reader: User, settings: Any) -> None:
        settings.MAIL_IS_ON = False
        happen(team)
        assert not Notice.objects.exists()

    def test_the_page_offers_it(self, alice: str, server: Server, plain_static: None) -> None:
        page = browser("alice")
        page.post("/notifications", {"on_pages": events.names(), "by_mail": [FAILED]})
        assert services.choices_of(person("alice")).by_mail == [FAILED]


class TestSetting:
    @pytest.mark.parametrize(
        ("url", "port", "tls", "ssl"),
        [
            ("smtp://localhost", 25, False, False), ("smtp+starttls://mail.test", 587, True, False),
            ("smtps://mail.test:4650", 4650, False, True),
        ],
    )  # fmt: skip
    def test_says_how_to_reach_a_server(
        self, monkeypatch: pytest.MonkeyPatch, url: str, port: int, tls: bool, ssl: bool
    ) -> None:
        monkeypatch.setenv(URL, url.replace("://", "://u%40x:p%2Fw@"))
        found = environment.mail(URL)
        assert (found["EMAIL_PORT"], found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (port, tls, ssl)
        assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("u@x", "p/w")

    @pytest.mark.parametrize("url", ["mail.test", "http://u:s3cret@mail.test", "smtp://", "smtp://u:s3cret@h:port"])
    def test_a_bad_one_stops_the_start_without_its_password(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        monkeypatch.setenv(URL, url)
        with pytest.raises(ImproperlyConfigured, match=URL) as refused:
            environment.mail(URL)
        assert "s3cret" not in str(refused.value)

    def test_none_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(URL, raising=False)
        assert environment.mail(URL) == {}
