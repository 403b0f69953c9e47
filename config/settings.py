"""All settings. One file; the environment decides, nothing forks (names and meanings: README, "Configuration")."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from celery.schedules import crontab
from django.utils.translation import gettext_lazy as _

from config.env import Env, EnvError

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env(os.environ)

DEBUG = env.flag("DEBUG")
VAR_DIR = env.path("VAR_DIR", default=BASE_DIR / "var") or BASE_DIR / "var"

# Who we are

SECRET_KEY = env.secret(
    "SECRET_KEY", least=50, default="demo-only-not-a-secret-demo-only-not-a-secret-0000" if DEBUG else None
)
# What was signed with these still counts while the key is rolled; nothing is signed with them any more.
SECRET_KEY_FALLBACKS = list(env.secrets("SECRET_KEY_FALLBACKS", least=50))
ALLOWED_HOSTS = list(env.hosts("ALLOWED_HOSTS", default=("localhost", "127.0.0.1", "[::1]") if DEBUG else ()))
SITE_URL = env.origin("SITE_URL", default="http://localhost:8000" if DEBUG else None)
SITE_NAME = env.text("SITE_NAME", default="The Harbour Courant" if DEBUG else "Your subscription")
SECURE = SITE_URL.startswith("https://")
if not SECURE and not DEBUG:
    raise EnvError("SITE_URL", "must start with https:// outside DEBUG.")

# The demo's clock follows the sandbox through this file; refused outside DEBUG.
CLOCK_FILE = env.path("CLOCK_FILE")
if CLOCK_FILE is not None and not DEBUG:
    raise EnvError("CLOCK_FILE", "is for the demo and tests only; unset it.")

SITE_KEY_DIGESTS = env.site_keys("SITE_API_KEYS")
CORS_ALLOWED_ORIGINS = list(env.origins("CORS_ALLOWED_ORIGINS"))
CSRF_TRUSTED_ORIGINS = list({SITE_URL, *CORS_ALLOWED_ORIGINS})
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", default=0, most=20)

# Stripe

STRIPE_SECRET_KEY = env.secret("STRIPE_SECRET_KEY", least=16, default="")
STRIPE_WEBHOOK_SECRETS = env.secrets("STRIPE_WEBHOOK_SECRETS", least=16)
STRIPE_API_BASE = env.origin("STRIPE_API_BASE", default="https://api.stripe.com")
STRIPE_LIVEMODE = STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))
if STRIPE_SECRET_KEY and not STRIPE_SECRET_KEY.startswith(("sk_test_", "rk_test_", "sk_live_", "rk_live_")):
    raise EnvError("STRIPE_SECRET_KEY", "must be a secret or restricted key (sk_… or rk_…).")
if not all(secret.startswith("whsec_") for secret in STRIPE_WEBHOOK_SECRETS):
    raise EnvError(
        "STRIPE_WEBHOOK_SECRETS", "must be signing secrets of the endpoint (whsec_…), comma-separated."
    )
if STRIPE_LIVEMODE and STRIPE_API_BASE != "https://api.stripe.com":
    raise EnvError("STRIPE_API_BASE", "is set together with a live key; live keys go to Stripe only.")
if not DEBUG and STRIPE_API_BASE != "https://api.stripe.com":
    raise EnvError("STRIPE_API_BASE", "points at a stand-in, which is for DEBUG=1 only.")

# What the site sells in, the default first; none: in whatever its prices are in.
CURRENCIES = env.currencies("CURRENCIES")
CHECKOUT_ASKS_FOR_CODES = env.flag("CHECKOUT_ASKS_FOR_CODES")
PAST_DUE_GRACE = timedelta(days=env.number("PAST_DUE_GRACE_DAYS", default=7, most=366))
# How long before the grace period, or a trial, ends readers are told; how long the link in a mail about a failed
# payment opens anything.
GRACE_WARNING = timedelta(days=env.number("GRACE_WARNING_DAYS", default=2, most=60))
TRIAL_WARNING = timedelta(days=env.number("TRIAL_WARNING_DAYS", default=3, most=60))
FIX_LINK_LIFE = timedelta(days=env.number("FIX_LINK_DAYS", default=30, least=1, most=366))
# How far ahead a pause may end; 0 for the longest offers none.
PAUSE_LEAST = timedelta(days=env.number("PAUSE_DAYS_LEAST", default=7, most=366))
PAUSE_MOST = timedelta(days=env.number("PAUSE_DAYS_MOST", default=100, most=366))
# Whether a reader who is about to cancel sees once, on the same page, that a pause is possible too.
SAVE_OFFER_PAUSE = env.flag("SAVE_OFFER_PAUSE", default=True)
RENEWAL_SLACK = timedelta(hours=env.number("RENEWAL_SLACK_HOURS", default=24, most=24 * 31))
# What becomes of reading when the money for it went back, and nobody said so: a full refund made in Stripe's dashboard,
# a dispute that was lost.
ACCESS_AFTER_REFUND = env.choice("ACCESS_AFTER_REFUND", among=("keep", "withdraw"))
# Who is told by mail of disputes, warnings of fraud, refunds that failed and invoices that are stuck.
ALERTS_TO = env.addresses("ALERTS_TO")
# Whether Stripe Tax works out the taxes of what is bought.
STRIPE_TAX = env.flag("STRIPE_TAX")
# So often a second a comparison asks Stripe: its limit (100 in live mode) is shared with those who are buying.
RECONCILE_CALLS_PER_SECOND = env.number("RECONCILE_CALLS_PER_SECOND", default=50, least=1)
# For how long staff may give a reader free access, counted from now.
COMP_LONGEST = timedelta(days=env.number("COMP_LONGEST_DAYS", default=366, least=1, most=3660))
# When the code of a gift subscription runs out: with the end of so many calendar years after the purchase. 0: never.
GIFT_CODE_YEARS = env.number("GIFT_CODE_YEARS", default=0, most=50)
# How many articles a subscriber may give away in a calendar month (0: none), for how long, and to how many each.
GIFTS_PER_MONTH = env.number("GIFTS_PER_MONTH", default=10, most=100)
GIFT_TIME = timedelta(days=env.number("GIFT_DAYS", default=14, least=1, most=90))
GIFT_OPENINGS = env.number("GIFT_OPENINGS", default=5, least=1, most=1000)
# How long a request waits for Stripe, however many calls its story needs: somebody looks at a screen, and a thread of
# ours is held. What else the request does has to fit into ten seconds with it.
SECONDS_FOR_STRIPE = 8.0
# How long a click on "subscribe" waits for a parallel one, or for Stripe in a bad moment, before it is told to repeat.
CHECKOUT_SECONDS_TO_WAIT = 8.0
# How long a click waits for somebody else's look at its customer.
SYNC_SECONDS_TO_WAIT = 5.0

# The application

INSTALLED_APPS = [
    "config",
    "accounts",
    "paywall",
    "billing",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "corsheaders",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "config.middleware.PrivateByDefault",
    "config.middleware.LimitWaiting",
    "config.middleware.RefuseControlCharacters",
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "config.middleware.RefuseUnreadableJson",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.debug",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.site",
            ],
        },
    },
]

# Database and cache

_database = env.database("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'paywall.sqlite3'}")
if _database["ENGINE"] == "django.db.backends.sqlite3":
    env.folder("VAR_DIR", VAR_DIR)
    # IMMEDIATE: a transaction that reads and then writes never loses its lock in between. FULL: what Stripe got
    # its 200 for survives a power cut. (Measured: reliability notes in the README of `config`.)
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
    # Opening it, with its pragmas, takes longer than a check; and the last to close it writes all of the log back.
    _database["CONN_MAX_AGE"] = 300
    _database["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    _database["ENGINE"] = "config.postgres"
    _database["CONN_MAX_AGE"] = 300
    _database["CONN_HEALTH_CHECKS"] = True
    _database["OPTIONS"] = {**_database.get("OPTIONS", {}), "connect_timeout": 3}
DATABASES = {"default": {**_database, "ATOMIC_REQUESTS": False}}

# Limits and one-time codes must outlive a flushed or frozen Redis, so the cache that allauth uses is a table.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        # Beyond this many a third is thrown away, whatever still counts. Django's own 300 would let anybody empty the
        # limits by asking for codes to a few hundred addresses. What has run out is swept each hour.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
}

# Accounts

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "accounts.passwords.CappedScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# One process checks so many passwords at once, and lets so many more wait, before it says "busy". Whoever waits holds a
# thread: of the four that a process needs at least, one is left to those who read.
PASSWORD_CHECKS_AT_ONCE = 1
PASSWORD_CHECKS_WAITING = 2
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/account/"
LOGOUT_REDIRECT_URL = "/account/login/"
SESSION_ENGINE = "accounts.session_store"

ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
# An address is all it takes; a password can be set once the address is proven, so nobody can prepare an account
# for somebody else.
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Nothing is mailed to strangers, and known and unknown addresses get the same answers.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_FORMS = {
    "login": "accounts.forms.LoginForm",
    "request_login_code": "accounts.forms.RequestLoginCodeForm",
    "signup": "accounts.forms.SignupForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "add_email": "accounts.forms.AddEmailForm",
}
# What counts per account and place is in `accounts.limits`, where a stranger cannot use it up for the owner, not even
# from the same network; allauth would count there what a device that we know asks for as well.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": "5/300s/key",
    "request_login_code": None,
    "reset_password": None,
    "confirm_email": "20/m/ip",
}
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
ALLAUTH_USER_CODE_FORMAT = {"numeric": True, "dashed": False, "length": 6}
HEADLESS_CLIENTS = ("browser", "app")
HEADLESS_TOKEN_STRATEGY = "accounts.sessions.HeaderTokens"  # noqa: S105  a class of ours
HEADLESS_ADAPTER = "accounts.adapter.HeadlessAdapter"
HEADLESS_SERVE_SPECIFICATION = True
HEADLESS_SPECIFICATION_TEMPLATE_NAME = None
# Links in mails lead to the one configured origin, whatever host a request was sent to.
HEADLESS_FRONTEND_URLS = {
    "account_signup": f"{SITE_URL}/account/signup/",
    "account_reset_password": f"{SITE_URL}/account/password/reset/",
}
MFA_ADAPTER = "accounts.second_factor.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = SITE_NAME
MFA_TOTP_TOLERANCE = 1  # a code whose half minute ends while it is typed is still good (RFC 6238, 5.2)
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG

# Cookies, headers

SESSION_COOKIE_AGE = 90 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrftoken" if SECURE else "csrftoken"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.problems.csrf_failure"
DEVICE_COOKIE_NAME = "__Host-device" if SECURE else "device"

CORS_ALLOW_CREDENTIALS = True
CORS_URLS_REGEX = r"^/(api|_allauth)/"
CORS_PREFLIGHT_MAX_AGE = 7200
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "x-csrftoken",
    "x-session-token",
    "x-device-id",
]

SECURE_SSL_REDIRECT = SECURE and not DEBUG
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REDIRECT_EXEMPT = [r"^health/"]
X_FRAME_OPTIONS = "DENY"

# A form that leads to hosted Checkout is redirected there, which form-action has to allow.
_CHECKOUT = [
    "https://checkout.stripe.com",
    *([STRIPE_API_BASE] if STRIPE_API_BASE.startswith("http://") else []),
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "form-action": ["'self'", *_CHECKOUT, *CORS_ALLOWED_ORIGINS],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'self'"],
        "object-src": ["'none'"],
    },
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
WEBHOOK_MAX_BYTES = 1024 * 1024

# Language, time

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German"))]
# The name is shared with the newspaper, which speaks the same language.
LANGUAGE_COOKIE_NAME = "django_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = SECURE
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Static files

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
if DEBUG:
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # files come from the apps; whitenoise wants the folder
WHITENOISE_USE_FINDERS = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.SessionTokenAuthentication",
        "accounts.authentication.SiteKeyAuthentication",
        "accounts.authentication.BrowserSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.problems.handler",
    "URL_FORMAT_OVERRIDE": None,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%SZ",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Paywall API",
    "DESCRIPTION": "May this reader see the full article, and if not, what is the nearest way in?",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {},
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "config.contract.complete"],
}

# Mail

_mail = env.mail("EMAIL_URL", default=f"filemail:///{VAR_DIR / 'mail'}" if DEBUG else None)
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST = _mail.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = bool(_mail.get("EMAIL_USE_TLS", False))
EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_SSL", False))
EMAIL_FILE_PATH = f"/{str(_mail.get('EMAIL_FILE_PATH') or '').lstrip('/')}"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.sender("DEFAULT_FROM_EMAIL", default="desk@courant.example" if DEBUG else None)

# Redis: Celery's doorbell, and what checks keep. The database is the queue

REDIS_URL = env.redis("REDIS_URL")
# Answer checks and peeks from what Redis keeps; off, the database is asked each time.
EXPRESS_LANE = env.flag("EXPRESS_LANE", default=True)
CELERY_BROKER_URL = REDIS_URL or "spool://localhost"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = (
    {
        "visibility_timeout": 600,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
    }
    if REDIS_URL
    else {"folder": str(VAR_DIR / "queue"), "polling_interval": 0.1}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker as long as it takes
CELERY_TASK_DEFAULT_QUEUE = "paywall"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_TIME_LIMIT = 60
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = bool(REDIS_URL)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_DB_REUSE_MAX = 1000
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat")
# Each periodic task finds its work in the database and claims it there, so two schedules are harmless.
CELERY_BEAT_SCHEDULE = {
    "sweep the inbox and waiting customers, go on with a comparison": {
        "task": "billing.sweep",
        "schedule": 10.0,
    },
    "send mails left in the outbox": {"task": "accounts.sweep_mails", "schedule": 10.0},
    "cut previews by new rules": {"task": "paywall.cut_previews", "schedule": 60.0},
    "forget free reads that count no more": {"task": "paywall.forget_free_reads", "schedule": 86400.0},
    "publish, use and retire signing keys": {"task": "paywall.turn_keys", "schedule": 3600.0},
    "forget limits that have run out": {"task": "accounts.forget_limits", "schedule": 3600.0},
    # Both ask nobody anything while staff have decided nothing about crawlers.
    "read the networks of crawlers": {"task": "paywall.refresh_crawler_lists", "schedule": 600.0},
    "ask DNS about crawlers": {"task": "paywall.prove_crawlers", "schedule": 30.0},
    "replay events that never arrived": {"task": "billing.replay_events", "schedule": 600.0},
    "look at customers at a boundary": {"task": "billing.sweep_boundaries", "schedule": 900.0},
    "look at the customers not seen for longest": {"task": "billing.sweep_stale", "schedule": 3600.0},
    "refresh the catalogue": {"task": "billing.refresh_catalogue", "schedule": 3600.0},
    "compare everything with Stripe": {"task": "billing.reconcile", "schedule": crontab(hour=3, minute=17)},
    "look after gift subscriptions": {"task": "billing.look_after_presents", "schedule": 900.0},
    "tell readers ahead": {"task": "billing.remind_readers", "schedule": 60.0},
}

# Logs

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.level("LOG_LEVEL", default="INFO")},
    "loggers": {
        "stripe": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
    },
}
