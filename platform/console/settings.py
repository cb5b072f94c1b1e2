"""Django's settings: everything that differs between installations is read from the environment here."""

import secrets
import sys
from pathlib import Path
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from common.times import Times
from console import environment
from console.embedded import Home
from console.proxies import trusted_proxies

BASE_DIR = Path(__file__).resolve().parent.parent.parent
LUTHIER_HOME = environment.home(BASE_DIR)
HOST = environment.text("HOST") or "127.0.0.1"
PORT = int(environment.number("PORT", 8000, at_least=1))
DEBUG = environment.flag("LUTHIER_DEBUG")


def _key(name: str) -> str:
    """Return a key from the environment, or one made once and kept in the home, readable by its owner alone."""
    if value := environment.text(name):
        return value
    path = LUTHIER_HOME / f"{name.lower()}.txt"
    if not path.exists():
        LUTHIER_HOME.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip()


SECRET_KEY = _key("LUTHIER_SECRET_KEY")
LUTHIER_ENCRYPTION_KEY = _key("LUTHIER_ENCRYPTION_KEY")

CSRF_TRUSTED_ORIGINS = environment.words("LUTHIER_TRUSTED_ORIGINS")
CSRF_FAILURE_VIEW = "console.refusals.csrf_failure"
TRACES_TO = environment.text("OTEL_EXPORTER_OTLP_ENDPOINT") or environment.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Where spans are sent, by OTLP over HTTP; "": none are made. OpenTelemetry reads its other variables itself."""
METRICS_TOKEN = environment.text("LUTHIER_METRICS_TOKEN")
"""Empty: /metrics answers this machine alone."""
PUBLIC_URL = environment.text("LUTHIER_PUBLIC_URL", f"http://127.0.0.1:{PORT}")
ALLOWED_HOSTS = environment.words("LUTHIER_ALLOWED_HOSTS") or environment.own_names()
if _public_name := urlsplit(PUBLIC_URL).hostname:
    ALLOWED_HOSTS.append(_public_name)
    CSRF_TRUSTED_ORIGINS.append(f"{urlsplit(PUBLIC_URL).scheme}://{urlsplit(PUBLIC_URL).netloc}")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_htmx",
    "console",
    "common",
    "accounts",
    "webhooks",
    "notifications",
    "catalogue",
    "ledger",
    "compute",
    "datasets_app",
    "jobs",
    "deployments",
    "batches",
    "evaluations",
    "playground",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "console.middleware.RequestIdMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "console.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.TeamMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.middleware.ContentSecurityPolicyMiddleware",
    "console.middleware.UserErrorMiddleware",
    "console.middleware.PlainTextMiddleware",
    "console.middleware.MembershipMiddleware",
    "accounts.kept_forms.KeptFormMiddleware",
]

ROOT_URLCONF = "console.urls"
ASGI_APPLICATION = "console.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.context.page",
            ],
        },
    }
]

EMBEDDED = Home(LUTHIER_HOME, fsync=environment.choice("LUTHIER_EMBEDDED_FSYNC", ("on", "off")))
DATABASE_URL = environment.text("DATABASE_URL") or EMBEDDED.database_url
DATABASES = {"default": environment.database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

BROKER_URL = environment.text("BROKER_URL", EMBEDDED.broker_url)
CELERY_BROKER_URL = BROKER_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_HEARTBEAT = 10

_S3_BUCKET = environment.text("LUTHIER_S3_BUCKET")


def _storage(folder: str) -> dict[str, object]:
    if not _S3_BUCKET:
        location = LUTHIER_HOME / "storage" / folder
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": location, "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
        }
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": _S3_BUCKET,
            "location": folder,
            "endpoint_url": environment.text("LUTHIER_S3_ENDPOINT") or None,
            "access_key": environment.text("LUTHIER_S3_ACCESS_KEY") or None,
            "secret_key": environment.text("LUTHIER_S3_SECRET_KEY") or None,
            "region_name": environment.text("LUTHIER_S3_REGION", "us-east-1"),
            "addressing_style": environment.choice("LUTHIER_S3_ADDRESSING", ("path", "virtual", "auto")),
            "default_acl": None,
            "file_overwrite": True,
            "querystring_auth": True,
            "max_memory_size": 16 * 2**20,  # beyond, a file is read by way of the disk, not whole in memory
        },
    }


STORAGES = {
    "default": _storage("default"),
    "datasets": _storage("datasets"),
    "artifacts": _storage("artifacts"),
    "staticfiles": {"BACKEND": "console.static_files.ModuleStaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = LUTHIER_HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG

MAX_BODY_BYTES = int(environment.number("LUTHIER_MAX_BODY_BYTES", 10 * 2**20, at_least=1024))
"""The most a request may carry, uploads aside."""
MAX_UPLOAD_BYTES = int(environment.number("LUTHIER_MAX_UPLOAD_BYTES", 8 * 2**30, at_least=1024))
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
"""A page on which rows are corrected has a field for every turn of twenty conversations."""
FILE_UPLOAD_TEMP_DIR = None

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
]
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in"
SESSION_COOKIE_NAME = f"luthier_session_{PORT}"
CSRF_COOKIE_NAME = f"luthier_csrf_{PORT}"
"""Cookies know no ports: two instances on one host would sign each other out."""
_HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
TRUSTED_PROXIES = trusted_proxies(environment.text("LUTHIER_BEHIND_PROXY"))
# The scheme itself is set by console.proxies, and only where a trusted proxy tells it.
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = environment.text("TZ", "UTC") or "UTC"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "accounts.authentication.ConsoleAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "accounts.authentication.HasRole",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["console.parsers.BoundedJSONParser", "rest_framework.parsers.FormParser"],
    "EXCEPTION_HANDLER": "common.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
}

TIMES = Times.scaled(environment.number("LUTHIER_TIME_SCALE", 1, at_least=0.001))
NODE_NAME = environment.text("LUTHIER_NODE_NAME")
"""Empty: the host's name."""
NODE_ADDRESS = environment.text("LUTHIER_NODE_ADDRESS", "127.0.0.1")
"""Where the web process reaches replicas of this node."""
NODE_ACCELERATORS = environment.text("LUTHIER_ACCELERATORS")
"""Empty: what the node has; "cpu" leaves its GPUs alone."""
STARTER_MODEL = environment.text("LUTHIER_STARTER_MODEL", "smollm2-135m-instruct")
"""Fetched by the first start; empty: none."""
HUB_MIRRORS = {"huggingface": environment.text("HF_ENDPOINT"), "modelscope": environment.text("MODELSCOPE_ENDPOINT")}
"""Addresses of mirrors; "": the hub itself."""
_MAIL = environment.mail("LUTHIER_MAIL_URL")
MAIL_IS_ON = bool(_MAIL)
globals().update(_MAIL)
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = environment.text("LUTHIER_MAIL_FROM") or f"luthier@{_public_name or 'localhost'}"
"""The sender of notifications."""
OUTBOUND_ALLOW = environment.networks("LUTHIER_OUTBOUND_ALLOW")
"""Networks that are not public and may be called all the same where people name an address in them."""
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [],  # choices stay where they are said
}
VERSION = "0.1.0"
RATE_LIMITS = {
    "key": {
        "requests_per_minute": int(environment.number("LUTHIER_KEY_REQUESTS_PER_MINUTE", 6_000)),
        "requests_per_day": int(environment.number("LUTHIER_KEY_REQUESTS_PER_DAY", 2_000_000)),
        "tokens_per_minute": int(environment.number("LUTHIER_KEY_TOKENS_PER_MINUTE", 10_000_000)),
        "tokens_per_day": int(environment.number("LUTHIER_KEY_TOKENS_PER_DAY", 1_000_000_000)),
    },
    "team": {
        "requests_per_minute": int(environment.number("LUTHIER_TEAM_REQUESTS_PER_MINUTE", 30_000)),
        "requests_per_day": int(environment.number("LUTHIER_TEAM_REQUESTS_PER_DAY", 10_000_000)),
        "tokens_per_minute": int(environment.number("LUTHIER_TEAM_TOKENS_PER_MINUTE", 50_000_000)),
        "tokens_per_day": int(environment.number("LUTHIER_TEAM_TOKENS_PER_DAY", 5_000_000_000)),
    },
}
"""What a key and all keys of a team may ask where nobody has set another limit; 0: no limit."""
PROOF_HOURS = environment.number("LUTHIER_PROOF_HOURS", 168)
"""So long the SHA-256 of a base's unchanged files is trusted; 0: never."""
KEEP_DAYS = {
    "tokens": environment.number("LUTHIER_KEEP_TOKENS_DAYS", 30),
    "runs": environment.number("LUTHIER_KEEP_RUNS_DAYS", 90),
    "adapters": environment.number("LUTHIER_KEEP_ADAPTERS_DAYS", 30),
    "usage": environment.number("LUTHIER_KEEP_USAGE_DAYS", 400),
    "events": environment.number("LUTHIER_KEEP_EVENTS_DAYS", 400),
    "ledger": environment.number("LUTHIER_KEEP_LEDGER_DAYS", 1100),
    "audit": environment.number("LUTHIER_KEEP_AUDIT_DAYS", 1100),
    "deliveries": environment.number("LUTHIER_KEEP_DELIVERIES_DAYS", 30),
    "shares": environment.number("LUTHIER_KEEP_SHARES_DAYS", 90),
    "batches": environment.number("LUTHIER_KEEP_BATCHES_DAYS", 90),
}
"""After how many days unused (tokens, adapters) or over (all others) things are deleted; 0: never."""
HOURS_GRACE_SECONDS = environment.number("LUTHIER_HOURS_GRACE_SECONDS", 3600)
"""How long Runs continue after their team's accelerator-hours of the month are used up."""
FAIR_SHARE_HALF_LIFE_SECONDS = 3600.0 * environment.number("LUTHIER_FAIR_SHARE_HALF_LIFE_HOURS", 48)
"""After which a team's use counts half when accelerators that nobody is guaranteed are shared out; 0: never less."""
BATCH_REQUESTS = int(environment.number("LUTHIER_BATCH_REQUESTS", 16, at_least=1))
"""So many requests of batches a control worker has answered at once; interactive ones go before them."""
SHARED_REPLICAS = environment.flag("LUTHIER_SHARED_REPLICAS", True)
DEPLOYMENT_IDLE_SECONDS = environment.number("LUTHIER_DEPLOYMENT_IDLE_MINUTES", 15, at_least=1) * 60
"""After so long without a request a deployment that need not keep its accelerators gives them back."""
IDLE_WORK_SECONDS = environment.number("LUTHIER_IDLE_WORK_MINUTES", 30) * 60
"""A training that has computed nothing for so long is named; 0: none is."""
RECLAIM_IDLE_WORK = environment.flag("LUTHIER_RECLAIM_IDLE", False)
"""Whether such a training is stopped with a checkpoint, and a deployment that nobody has asked for so long gives way to
work that waits, even where it keeps its accelerators."""
ADAPTER_IDLE_SECONDS = environment.number("LUTHIER_ADAPTER_IDLE_MINUTES", 10) * 60
ADAPTER_MEMORY_BYTES = int(environment.number("LUTHIER_ADAPTER_MEMORY_MB", 4096) * 2**20)
"""After so long without a request, and beyond so much of them, adapters leave the memory of a shared replica."""
EVALUATE_JOBS = environment.flag("LUTHIER_EVALUATE_JOBS", True)
"""Each job that succeeds is evaluated by the platform itself, beside its base, while nobody else waits."""
TRAINER_PYTHON = environment.text("LUTHIER_TRAINER_PYTHON") or sys.executable
"""The Python that trainings and replicas are started by."""
SHARED_CORES = environment.flag("LUTHIER_SHARED_CORES", False)
"""Other programs compute on this node's cores as well: threads of a Run sleep at once while they wait."""
FORK_SERVER = environment.flag("LUTHIER_FORK_SERVER", True)
"""Keep a process on each node that has imported PyTorch already (about 400 MB): Runs start seconds sooner from it."""

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(request_id)s %(name)s: %(message)s"},
        "json": {"()": "common.log_lines.JsonFormatter"},
    },
    "filters": {"about": {"()": "common.log_lines.Filter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": environment.choice("LUTHIER_LOG_FORMAT", ("line", "json")),
            "filters": ["about"],
        }
    },
    "root": {
        "handlers": ["console"],
        "level": environment.choice("LUTHIER_LOG_LEVEL", ("info", "debug", "warning", "error", "critical")).upper(),
    },
    "loggers": {"httpx": {"level": "WARNING"}, "celery": {"level": "WARNING"}, "django.request": {"level": "ERROR"}},
}
