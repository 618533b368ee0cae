"""Calendar dates as people write them (RFC 3339 full-date, UTC), without asking what day it is."""

from __future__ import annotations

import calendar
import re

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_DAY = 86_400


def is_date(text: str) -> bool:
    """Is this a day of the calendar?"""
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = map(int, found.groups())
    return year >= 1970 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


def end(text: str) -> int:
    """The first second after this day, since 1970; `text` is a date."""
    year, month, day = map(int, text.split("-"))
    return calendar.timegm((year, month, day, 0, 0, 0)) + _DAY
