"""What a team would write instead: the same endpoints in Django REST Framework the usual way, on the same tables.

A Django project of one app: the settings (`notifications.py`), one-time codes (`otp/`) and their sending with Celery
(`tasks.py`). The settings' endpoint is also what the tests compare notifapp with, request by request
(tests/contract/).
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.drf.settings")

from django.core.wsgi import get_wsgi_application

from bench.drf.celery import app as celery_app

__all__ = ["app", "celery_app"]

app = get_wsgi_application()
