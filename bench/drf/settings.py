"""Django's settings. The database, the keys and the queue are named by the environment, as notifapp's are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


def _database(url: str) -> dict[str, Any]:
    """Django's description of the database at a SQLAlchemy URL."""
    if url.startswith("sqlite:///"):
        pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000")
        init_command = "; ".join(f"PRAGMA {pragma}" for pragma in pragmas)
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.removeprefix("sqlite:///"),
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": init_command},
            "CONN_MAX_AGE": None,
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.removeprefix("/"),
        "USER": parts.username,
        "HOST": parts.hostname or parse_qs(parts.query)["host"][0],
        "CONN_MAX_AGE": None,
    }


DATABASES = {"default": _database(os.environ["NOTIFAPP_DATABASE_URL"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["rest_framework", "bench.drf"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "bench.drf.urls"
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "a key for measurements and tests alone"
USE_TZ = True
TIME_ZONE = "UTC"
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],  # the views name their own, which stand in access.py
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "bench.drf.otp.errors.with_code",
}

CELERY_BROKER_URL = os.environ.get("BENCH_REDIS_URL", "redis://127.0.0.1")
CELERY_TASK_IGNORE_RESULT = True  # the delivery's row tells what became of it

KEYS_DIR = Path(os.environ.get("NOTIFAPP_INSTANCE_DIR", "instance"))
