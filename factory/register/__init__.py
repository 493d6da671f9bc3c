"""The register (注册库): what registrations and applications are, folded from what happened."""

from factory.register.applications import FILLING_IN, FINAL, LABELS, Happening, table
from factory.register.facts import (
    EFFECTIVE,
    Fact,
    Key,
    check_day,
    effective,
    fact_of,
    from_json,
    local_day,
    to_json,
)
from factory.register.granting import check_pictures, lacks_picture
from factory.register.procedure import check_signing
from factory.register.replay import Replay, replay
from factory.register.state import (
    Application,
    MaterialFile,
    Person,
    RegistrationState,
    Signature,
    View,
    application_json,
    view_from,
    view_json,
)

__all__ = [
    "EFFECTIVE",
    "FILLING_IN",
    "FINAL",
    "LABELS",
    "Application",
    "Fact",
    "Happening",
    "Key",
    "MaterialFile",
    "Person",
    "RegistrationState",
    "Replay",
    "Signature",
    "View",
    "application_json",
    "check_day",
    "check_pictures",
    "check_signing",
    "effective",
    "fact_of",
    "from_json",
    "lacks_picture",
    "local_day",
    "replay",
    "table",
    "to_json",
    "view_from",
    "view_json",
]
