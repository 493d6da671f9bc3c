"""Numbers (编号) of the five systems: drawn, parsed, and made comparable."""

from factory.numbering.acceptance import (
    AcceptanceNumber,
    AcceptanceSuffix,
    acceptance_number,
    parse_acceptance_number,
)
from factory.numbering.constructors import (
    ConstructorNumber,
    Scheme,
    constructor_number,
    parse_constructor_number,
    respell,
)
from factory.numbering.cost_engineers import (
    CostEngineerNumber,
    cost_engineer_number,
    parse_cost_engineer_number,
)
from factory.numbering.crockford import CROCKFORD
from factory.numbering.filing import (
    QUERY_CODE_BYTES,
    filing_number,
    is_clear,
    parse_filing_number,
    parse_query_code,
    query_code,
)
from factory.numbering.key import number_key
from factory.numbering.licences import LicenceId, check_character, licence_id, parse_licence_id
from factory.numbering.verification import (
    CODE_BYTES,
    CODE_LENGTH,
    parse_verification_code,
    verification_code,
)

__all__ = [
    "CODE_BYTES",
    "CODE_LENGTH",
    "CROCKFORD",
    "QUERY_CODE_BYTES",
    "AcceptanceNumber",
    "AcceptanceSuffix",
    "ConstructorNumber",
    "CostEngineerNumber",
    "LicenceId",
    "Scheme",
    "acceptance_number",
    "check_character",
    "constructor_number",
    "cost_engineer_number",
    "filing_number",
    "is_clear",
    "licence_id",
    "number_key",
    "parse_acceptance_number",
    "parse_constructor_number",
    "parse_cost_engineer_number",
    "parse_filing_number",
    "parse_licence_id",
    "parse_query_code",
    "parse_verification_code",
    "query_code",
    "respell",
    "verification_code",
]
