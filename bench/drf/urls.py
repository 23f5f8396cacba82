"""Which view answers where."""

from __future__ import annotations

from django.urls import path, re_path

from bench.drf.notifications import SettingsView
from bench.drf.otp.views import ChallengesView, VerifyView

urlpatterns = [
    re_path(r"^api/settings/notifications/?$", SettingsView.as_view()),
    path("api/otp/challenges", ChallengesView.as_view()),
    path("api/otp/challenges/<str:challenge_id>/verify", VerifyView.as_view()),
]
