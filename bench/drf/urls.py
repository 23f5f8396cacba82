"""Which view answers where."""

from __future__ import annotations

from django.urls import re_path

from bench.drf.notifications import SettingsView

urlpatterns = [re_path(r"^api/settings/notifications/?$", SettingsView.as_view())]
