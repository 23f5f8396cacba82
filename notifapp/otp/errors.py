"""What may be wrong with a code or its challenge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from notifapp.errors import Conflict, DomainError, ErrorCode
from notifapp.otp.models import ChallengeStatus


class InvalidCode(DomainError):
    """An invalid one-time code. Wrong, replaced and unknown ones look alike."""

    code = ErrorCode.INVALID_CODE
    detail = "Invalid code."
    challenge_status: ChallengeStatus | None = None  # told where it explains the error

    def __init__(self, *, attempts_left: int, detail: str | None = None) -> None:
        super().__init__(detail)
        self.attempts_left = attempts_left

    def body(self) -> Mapping[str, object]:
        """The field's message, and the number of attempts left."""
        status = {"status": self.challenge_status.value} if self.challenge_status else {}
        return {"code": [self.detail], "attempts_left": self.attempts_left, **status}


class ExpiredCode(InvalidCode):
    """A code for one's own challenge that came too late; a later one of the challenge's may still be valid."""

    code = ErrorCode.EXPIRED_CODE
    detail = "This code has expired."
    challenge_status = ChallengeStatus.EXPIRED

    def __init__(self, *, attempts_left: int) -> None:
        super().__init__(attempts_left=attempts_left)
        if attempts_left:
            self.challenge_status = ChallengeStatus.PENDING


class UsedCode(InvalidCode):
    """The right code of a challenge that is already approved."""

    code = ErrorCode.USED_CODE
    detail = "This code has already been used."
    challenge_status = ChallengeStatus.APPROVED


class IncompleteCode(InvalidCode):
    """A code that is as long as none of the valid ones, which can't be right and so costs no attempt."""

    code = ErrorCode.INCOMPLETE_CODE

    def __init__(self, *, attempts_left: int, lengths: Iterable[int]) -> None:
        digits = " or ".join(map(str, sorted(set(lengths))))
        super().__init__(attempts_left=attempts_left, detail=f"Enter the {digits} digits of the code.")


class ChallengeClosed(Conflict):
    """A challenge that is over takes no further codes."""

    code = ErrorCode.CHALLENGE_CLOSED
    detail = "This challenge is over, so it takes no further code. Create a new one."
