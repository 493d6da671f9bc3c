"""Events (事件): CloudEvents 1.0 in JSON structured mode, one model for each type's data."""

from factory.events.data import (
    EVENT_TYPES,
    ApplicationData,
    ApprovedProfession,
    Data,
    EditionData,
    EnterpriseData,
    EnterpriseRenamed,
    HolderData,
    ImportedProfession,
    InlinePhoto,
    Photo,
    RegistrationApproved,
    RegistrationImported,
    RenamedEnterpriseData,
    StoredPhoto,
)
from factory.events.envelope import MAX_EVENT_BYTES, Event, canonical, parse
from factory.events.lines import split_lines
from factory.events.schema import example, schema

__all__ = [
    "EVENT_TYPES",
    "MAX_EVENT_BYTES",
    "ApplicationData",
    "ApprovedProfession",
    "Data",
    "EditionData",
    "EnterpriseData",
    "EnterpriseRenamed",
    "Event",
    "HolderData",
    "ImportedProfession",
    "InlinePhoto",
    "Photo",
    "RegistrationApproved",
    "RegistrationImported",
    "RenamedEnterpriseData",
    "StoredPhoto",
    "canonical",
    "example",
    "parse",
    "schema",
    "split_lines",
]
