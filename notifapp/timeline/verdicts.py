"""What may be the matter, as a closed list, and what to say and do about each."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What is most likely. The values are a part of the API, so one never changes its meaning."""

    NEVER_ASKED = "never_asked"
    REFUSED_RECIPIENT_LIMIT = "refused_recipient_limit"
    REFUSED_WRONG_CODES = "refused_wrong_codes"
    REFUSED_BLOCKED = "refused_blocked"
    REFUSED_PROJECT_LIMIT = "refused_project_limit"
    REFUSED_TOKEN_LIMIT = "refused_token_limit"  # noqa: S105
    REFUSED_CLIENT_LIMIT = "refused_client_limit"
    REFUSED_GUESSING = "refused_guessing"
    REFUSED_UNUSUAL_TRAFFIC = "refused_unusual_traffic"
    REFUSED_DESTINATION = "refused_destination"
    REFUSED_OTHERWISE = "refused_otherwise"
    NO_NOTIFIER = "no_notifier"
    NOTIFIER_DISABLED = "notifier_disabled"
    WORKER_MISSING = "worker_missing"
    WAITING = "waiting"
    SENDING = "sending"
    NOT_SENT_IN_TIME = "not_sent_in_time"
    STOPPED = "stopped"
    OWN_KEY_MISSING = "own_key_missing"
    GATEWAY_DOWN = "gateway_down"
    CREDIT_OUT = "credit_out"
    KEY_REFUSED = "key_refused"
    ACCOUNT_CLOSED = "account_closed"
    ADDRESS_REFUSED = "address_refused"
    SENDER_REFUSED = "sender_refused"
    PATTERN_WRONG = "pattern_wrong"
    TEXT_REFUSED = "text_refused"
    NUMBER_REJECTED = "number_rejected"
    BLACKLISTED = "blacklisted"
    GATEWAY_LIMIT = "gateway_limit"
    GATEWAY_REFUSED = "gateway_refused"
    DEVELOPMENT_ONLY = "development_only"
    TEST_RECIPIENT = "test_recipient"
    ACCEPTED_LATE = "accepted_late"
    NO_RECEIPT = "no_receipt"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    DELIVERED_LATE = "delivered_late"
    MISTYPED = "mistyped"
    TYPED_LATE = "typed_late"
    TYPED_OLDER = "typed_older"
    TOO_MANY_WRONG = "too_many_wrong"
    EXPIRED = "expired"
    APPROVED = "approved"

    @property
    def text(self) -> str:
        """In a sentence or two: what is most likely, and what to do next."""
        return _TEXTS[self]


_TEXTS = {
    Verdict.NEVER_ASKED: "No code was ever asked for. Check how the customer's address is written, and that your app "
    "asks for a code.",
    Verdict.REFUSED_RECIPIENT_LIMIT: "The last request was refused: too many codes for this recipient. Wait, then ask "
    "for one code. The Limits page sets how many are allowed.",
    Verdict.REFUSED_WRONG_CODES: "The last request was refused: too many wrong codes were entered. Wait, or release "
    "the recipient.",
    Verdict.REFUSED_BLOCKED: "The last request was refused: the recipient is blocked after too many wrong codes. "
    "Release the recipient on the Limits page.",
    Verdict.REFUSED_PROJECT_LIMIT: "The last request was refused: the whole project has sent as many codes as it may. "
    "Raise its limit on the Limits page, or find out who asks for so many.",
    Verdict.REFUSED_TOKEN_LIMIT: "The last request was refused: its API token has sent as many codes as it may. Raise "
    "the limit on the Limits page, or find out why it asks for so many.",
    Verdict.REFUSED_CLIENT_LIMIT: "The last request was refused: the device or IP address that it came from asked for "
    "too many codes. Wait, or raise the limit on the Limits page.",
    Verdict.REFUSED_GUESSING: "The last request was refused: too many wrong codes are entered in the whole project. "
    "See the Limits page, and allow codes again once nobody guesses.",
    Verdict.REFUSED_UNUSUAL_TRAFFIC: "The last request was refused: too many codes to numbers like this one were not "
    "verified. See the Limits page.",
    Verdict.REFUSED_DESTINATION: "The last request was refused: this project sends no codes to this country or type "
    "of number. The Limits page says where it sends.",
    Verdict.REFUSED_OTHERWISE: "The last request was refused. The reason is below.",
    Verdict.NO_NOTIFIER: "The last request was refused: no notifier is chosen for this channel. Choose one in the "
    "settings.",
    Verdict.NOTIFIER_DISABLED: "The last request was refused: the notifier in use is disabled. Enable it, or choose "
    "another one in the settings.",
    Verdict.WORKER_MISSING: "No worker is running, so nothing is sent. Ask whoever runs this server to start it.",
    Verdict.WAITING: "The message is waiting for the worker. If it still waits in a minute, the worker is overloaded.",
    Verdict.SENDING: "The message is being sent, and the gateway has not answered yet. Look again in half a minute.",
    Verdict.NOT_SENT_IN_TIME: "The message was not sent while its code was valid: the worker did not run or had too "
    "much to do. Ask for a new code.",
    Verdict.STOPPED: "The message was given up, because its notifier was disabled or deleted, or the project archived. "
    "Choose a notifier in the settings, then ask for a new code.",
    Verdict.OWN_KEY_MISSING: "This server can't decrypt the message or the notifier's secrets. Ask whoever runs it for "
    "the missing encryption key, or type the secrets in again.",
    Verdict.GATEWAY_DOWN: "The gateway could not be reached or is out of order. Look at its status page, or choose "
    "another notifier in the settings.",
    Verdict.CREDIT_OUT: "The account at the gateway has no credit left. Top it up, then ask for a new code.",
    Verdict.KEY_REFUSED: "The gateway refused the notifier's key or password. Type in a valid one on the notifier's "
    "page.",
    Verdict.ACCOUNT_CLOSED: "The account at the gateway may not send this. Ask the gateway's support.",
    Verdict.ADDRESS_REFUSED: "The gateway refuses connections from this server, or this server refuses the gateway's "
    "address. Ask whoever runs this server.",
    Verdict.SENDER_REFUSED: "The gateway refused the sender. Correct it on the notifier's page.",
    Verdict.PATTERN_WRONG: "The gateway refused the pattern or its variables. Correct them on the notifier's page.",
    Verdict.TEXT_REFUSED: "The gateway refused the text. Change the message on the Messages page.",
    Verdict.NUMBER_REJECTED: "The recipient's number or address was not accepted. Check with the customer that it is "
    "right.",
    Verdict.BLACKLISTED: "The recipient has unsubscribed or is on a blocklist of the carrier. The customer can have "
    "that lifted there; until then use another channel.",
    Verdict.GATEWAY_LIMIT: "The account at the gateway has reached a limit. Wait, or ask the gateway to raise it.",
    Verdict.GATEWAY_REFUSED: "The gateway refused the message. The reason is below.",
    Verdict.DEVELOPMENT_ONLY: "Nothing was sent: the notifier in use is for development and writes to the outbox page. "
    "Choose another one in the settings.",
    Verdict.TEST_RECIPIENT: "This is a test recipient: nothing is sent to it. Its code is the one that was fixed.",
    Verdict.ACCEPTED_LATE: "The gateway took the message only after its code had expired. Lengthen the code lifetime "
    "in the settings, or choose a faster notifier.",
    Verdict.NO_RECEIPT: "The gateway accepted the message, but no receipt says whether it arrived. Ask the customer to "
    "check the number and the phone's spam folder, and the gateway what became of it.",
    Verdict.UNDELIVERED: "The carrier could not deliver the message. The reason is below. Ask the customer whether "
    "the phone is on and the number right.",
    Verdict.DELIVERED: "The message was delivered. The customer has not entered its code yet.",
    Verdict.DELIVERED_LATE: "The message was delivered only after its code had expired. Lengthen the code lifetime in "
    "the settings, or choose a faster notifier.",
    Verdict.MISTYPED: "The message was sent, but a wrong code was entered. Ask the customer to read the code again "
    "from the newest message, or to ask for a new code if that one has expired.",
    Verdict.TYPED_LATE: "The right code was entered, but only after it had expired. Ask for a new one and enter it at "
    "once, or lengthen the code lifetime in the settings.",
    Verdict.TYPED_OLDER: "A code from an older message was entered. Ask the customer to enter the newest one.",
    Verdict.TOO_MANY_WRONG: "The code was ended by too many wrong ones. Ask for a new code, and have the customer read "
    "it from the newest message.",
    Verdict.EXPIRED: "The code was never entered and has expired. Ask for a new one.",
    Verdict.APPROVED: "The code arrived: the customer entered it, and it was approved.",
}
