"""What a team would write instead: the same endpoints in Django REST Framework the usual way, on the same tables.

A Django project of one app. The settings' endpoint is also what the tests compare notifapp with, request by request
(tests/contract/).
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.drf.settings")

from django.core.wsgi import get_wsgi_application

app = get_wsgi_application()
