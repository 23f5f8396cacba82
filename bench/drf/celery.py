"""Celery as its own "First steps with Django" has it; the broker is Redis."""

from __future__ import annotations

from celery import Celery

app = Celery("bench.drf")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
