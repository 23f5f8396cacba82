"""Why a code didn't arrive: all that happened to one recipient, and what is most likely."""
