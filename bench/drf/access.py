"""Who is calling, and with which codes: for every view."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.utils import timezone
from rest_framework import authentication, exceptions, permissions

from bench.drf.models import ApiToken, MembershipPermission, User


class ProjectTokenAuthentication(authentication.TokenAuthentication):
    """DRF's own, except that the tokens are ours."""

    def authenticate_credentials(self, key: str) -> tuple[User, ApiToken]:
        tokens = ApiToken.objects.select_related("user", "project")
        token = tokens.filter(digest=sha256(key.encode()).hexdigest()).first()
        if token is None or token.revoked_at or token.project.archived_at:
            raise exceptions.AuthenticationFailed("Invalid token.")
        if token.expires_at and token.expires_at <= timezone.now():
            raise exceptions.AuthenticationFailed("Invalid token.")
        if not token.user.is_active:
            raise exceptions.AuthenticationFailed("User inactive or deleted.")
        return token.user, token


class HoldsCode(permissions.BasePermission):
    """The code that the view asks of this method; admins need none."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if request.auth is None:
            return False
        held = MembershipPermission.objects.filter(user=request.user, project=request.auth.project)
        code = view.codes.get(request.method)
        return request.user.is_admin or held.filter(code__in=[code] if code else view.codes.values()).exists()
