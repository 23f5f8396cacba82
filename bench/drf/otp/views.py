"""`/api/otp/challenges`: codes for customers, sent and verified."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.drf.access import HoldsCode, ProjectTokenAuthentication
from bench.drf.models import OtpChallenge
from bench.drf.otp import service
from bench.drf.recipients import normalise


class NewChallengeSerializer(serializers.Serializer):
    channel = serializers.ChoiceField(choices=["sms", "email"])
    recipient = serializers.CharField(max_length=254)


class ChallengeSerializer(serializers.ModelSerializer):
    class Meta:
        model = OtpChallenge
        fields = ["id", "channel", "recipient", "code_length", "expires_at", "resend_at", "attempts_left"]


class ApprovalSerializer(serializers.ModelSerializer):
    class Meta:
        model = OtpChallenge
        fields = ["id", "status", "channel", "recipient"]


class CodeSerializer(serializers.Serializer):
    code = serializers.CharField(max_length=64)
    recipient = serializers.CharField(max_length=254, required=False)


class ChallengesView(APIView):
    authentication_classes = [ProjectTokenAuthentication]
    permission_classes = [HoldsCode]
    codes = {"POST": 9001}

    def post(self, request: Any) -> Response:
        """Send a new code."""
        serializer = NewChallengeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        channel = serializer.validated_data["channel"]
        address = normalise(channel, serializer.validated_data["recipient"], request.auth.project.phone_region)
        challenge = service.issue(request.auth, channel, address)
        return Response(ChallengeSerializer(challenge).data, status=201)


class VerifyView(APIView):
    authentication_classes = [ProjectTokenAuthentication]
    permission_classes = [HoldsCode]
    codes = {"POST": 9002}

    def post(self, request: Any, challenge_id: str) -> Response:
        """Approve a challenge by the code that the customer gave."""
        serializer = CodeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        challenge = service.verify(request.auth.project, challenge_id, **serializer.validated_data)
        return Response(ApprovalSerializer(challenge).data)
