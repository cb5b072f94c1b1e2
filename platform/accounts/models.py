"""Who may do what: people, their teams, and the keys they call the API with."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from accounts import origins
from common import request_ids
from common.ids import new_id
from common.keysets import beyond, one_of

PLATFORM_TEAM = "platform"
KEY_PREFIX = "sk-luthier-"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by email. `is_staff` makes an administrator of the platform."""

    email = models.EmailField(_("email"), unique=True)
    name = models.CharField(_("name"), max_length=100, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(_("administrator"), default=False)
    language = models.CharField(max_length=10, blank=True)
    theme = models.CharField(max_length=10, blank=True)
    """As chosen on the pages last, like `language`; a browser takes both up when the person signs in."""
    date_joined = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    objects = UserManager()

    def __str__(self) -> str:
        return self.email


class TeamQuerySet(models.QuerySet["Team"]):
    def of(self, user: User) -> "TeamQuerySet":
        """Teams that `user` belongs to."""
        return self.filter(memberships__user=user)

    def platform(self) -> "Team":
        """The platform's own team: shared replicas belong to it."""
        return self.get_or_create(name=PLATFORM_TEAM, defaults={"slug": PLATFORM_TEAM, "is_platform": True})[0]

    def tenants(self) -> "TeamQuerySet":
        return self.filter(is_platform=False)


class Team(models.Model):
    """Who owns data sets, jobs and deployments; what a quota is given to."""

    name = models.CharField(max_length=100, unique=True)
    slug = models.SlugField(max_length=60, unique=True)
    is_platform = models.BooleanField(default=False)
    storage_bytes = models.BigIntegerField(null=True, blank=True)
    """The most that its data, results and adapters may take; null: as much as there is."""
    limits = models.JSONField(default=dict, blank=True)
    """What all its keys together may ask, as a key's `limits`."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TeamQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def create(cls, *, name: str) -> "Team":
        base = slugify(name)[:40] or "team"
        slug = base if not cls.objects.filter(slug=base).exists() else f"{base}-{secrets.token_hex(3)}"
        return cls.objects.create(name=name, slug=slug)


class Membership(models.Model):
    """A person in a team. The first one owns it; `accounts.roles` says what each role may do."""

    class Role(models.TextChoices):
        """From the least to the most."""

        VIEWER = "viewer", _("Viewer")
        MEMBER = "member", _("Member")
        OWNER = "owner", _("Owner")

        def includes(self, other: "Membership.Role") -> bool:
            order = list(type(self))
            return order.index(self) >= order.index(other)

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="one_membership_per_team")]

    @classmethod
    def ensure(cls, *, team: Team, user: User, role: Role | None = None) -> "Membership":
        """Return the membership, made if there is none: as `role`, else the first of a team owns it."""
        Team.objects.select_for_update().get(pk=team.pk)  # two at once must not both be the first
        first = cls.Role.MEMBER if cls.objects.filter(team=team).exists() else cls.Role.OWNER
        return cls.objects.get_or_create(team=team, user=user, defaults={"role": role or first})[0]


class Scope(models.TextChoices):
    """What an API key may do; `accounts.scopes` says what for."""

    READ = "read", _("Read everything the team has")
    DATA = "data", _("Data sets: upload, check, repair, download, delete")
    TRAIN = "train", _("Train and evaluate models")
    SERVE = "serve", _("Deploy models and ask them")
    ADMIN = "admin", _("People, keys, quotas and, for administrators, the platform")


def _key_id() -> str:
    return new_id("key")


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self) -> "ApiKeyQuerySet":
        """Those that are valid: neither revoked nor expired, and their holder is active and in the key's team."""
        held = self.filter(revoked_at=None, user__is_active=True).exclude(expires_at__lte=timezone.now())
        return held.filter(user__memberships__team=models.F("team"))

    def after(self, last: "ApiKey") -> "ApiKeyQuerySet":
        """Those that come after `last` in a list of the newest first."""
        return self.filter(beyond(last.created_at, last.pk))


class ApiKey(models.Model):
    """A key of the API; only its SHA-256 is kept, since a key is 256 random bits and needs no slow hash."""

    id = models.CharField(primary_key=True, max_length=40, default=_key_id)
    team = models.ForeignKey(Team, models.CASCADE, related_name="api_keys")
    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=20)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope.choices), default=list, blank=True)
    """What it may do; empty: everything but what takes an administrator of the platform."""
    expires_at = models.DateTimeField(null=True, blank=True)
    limits = models.JSONField(default=dict, blank=True)
    """{"requests_per_minute": 60, …}, of `accounts.rate_limits`; what is not in it is as the platform has it."""
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiKeyQuerySet.as_manager()

    @classmethod
    def issue(
        cls,
        *,
        user: User,
        team: Team,
        name: str = "",
        scopes: Sequence[str] = (),
        expires_at: datetime | None = None,
        limits: dict[str, int] | None = None,
    ) -> "tuple[ApiKey, str]":
        """Make a key and return it with its secret, which is shown this once."""
        secret = KEY_PREFIX + secrets.token_urlsafe(32)
        key = cls.objects.create(
            user=user, team=team, name=name, prefix=secret[:16], digest=cls.digest_of(secret),
            scopes=[scope for scope in Scope.values if scope in scopes], expires_at=expires_at,
            limits=limits or {},
        )  # fmt: skip
        return key, secret

    @staticmethod
    def digest_of(secret: str) -> str:
        return hashlib.sha256(secret.encode()).hexdigest()

    @classmethod
    def find(cls, secret: str) -> "ApiKey | None":
        """Return the live key with this secret; looked up by digest, so no secret is compared byte by byte."""
        return one_of(cls.objects.live().select_related("user", "team").filter(digest=cls.digest_of(secret)))

    @classmethod
    def expiry_of(cls, secret: str) -> datetime | None:
        """Return when the key with this secret has expired; None where it is another reason that it is not live."""
        expired = cls.objects.filter(digest=cls.digest_of(secret), revoked_at=None, expires_at__lte=timezone.now())
        return expired.values_list("expires_at", flat=True).first()

    @property
    def is_admin(self) -> bool:
        """Whether the key has its holder's powers as an administrator of the platform."""
        return Scope.ADMIN in self.scopes

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def scope_labels(self) -> list[str]:
        return [str(Scope(scope).label) for scope in self.scopes]

    def mark_used(self) -> None:
        """Note the time of use, at most once a minute."""
        now = timezone.now()
        if self.last_used_at is None or (now - self.last_used_at).total_seconds() > 60:
            type(self).objects.filter(pk=self.pk).update(last_used_at=now)

    def revoke(self) -> None:
        self.revoked_at = timezone.now()
        self.save(update_fields=["revoked_at"])


def _link_id() -> str:
    return new_id("link")


class LinkQuerySet(models.QuerySet["Link"]):
    def open(self) -> "LinkQuerySet":
        """Those that still lead somewhere."""
        return self.filter(used_at=None, revoked_at=None, expires_at__gt=timezone.now())

    def invitations(self, team: Team) -> "LinkQuerySet":
        return self.filter(team=team).order_by("-created_at", "-pk")

    def revoke(self) -> int:
        return self.update(revoked_at=timezone.now())


class Link(models.Model):
    """An address that works once and for a while: an invitation into a team, or a new password without the old one.

    Its token is 256 random bits, of which only the SHA-256 is kept, so nobody can make one up or read one here.
    """

    id = models.CharField(primary_key=True, max_length=40, default=_link_id)
    digest = models.CharField(max_length=64, unique=True)
    email = models.EmailField()
    """Of whom it is for."""
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="invitations")
    """Into which it invites; NULL for a new password."""
    role = models.CharField(max_length=10, choices=Membership.Role.choices, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = LinkQuerySet.as_manager()

    @classmethod
    def issue(cls, *, hours: int, **fields: Any) -> "tuple[Link, str]":
        """Make a link and return it with its token, which is shown this once."""
        token = secrets.token_urlsafe(32)
        expires_at = timezone.now() + timedelta(hours=hours)
        return cls.objects.create(digest=cls.digest_of(token), expires_at=expires_at, **fields), token

    @staticmethod
    def digest_of(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def visible_to(self, team: Team) -> "AuditEventQuerySet":
        return self.filter(team=team)


class AuditEvent(models.Model):
    """Who did what to what, and from where; contains no prompt, key or personal data of a data set.

    It names person and team in text as well, so that it says the same when they are gone. A trigger of the database
    refuses to change or delete one; only `audit.forget` may, in a transaction that says so.
    """

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.ForeignKey(User, models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    actor_email = models.CharField(max_length=254, blank=True)
    key = models.CharField(max_length=40, blank=True)
    """The id of the API key by which it was done; "" for the console, a command, the platform itself."""
    address = models.CharField(max_length=60, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    team = models.ForeignKey(Team, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+")
    team_slug = models.CharField(max_length=60, blank=True)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=100, blank=True)
    before = models.JSONField(null=True)
    """What was there before, of what has changed; NULL where nothing was."""
    after = models.JSONField(default=dict)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["team", "-id"], name="audit_team")]

    @classmethod
    def record(
        cls,
        *,
        actor: User | None,
        action: str,
        target: str = "",
        team: Team | None = None,
        before: dict[str, Any] | None = None,
        **after: Any,
    ) -> None:
        """Note what `actor`, None for the platform itself, has done; where it came from, the current request knows."""
        origin = origins.current.get()
        cls.objects.create(
            actor=actor,
            actor_email=actor.email if actor else "",
            key=origin.key,
            address=origin.address,
            request_id=request_ids.current.get(),
            team=team,
            team_slug=team.slug if team else "",
            action=action,
            target=target[:100],
            before=before,
            after=after,
        )
