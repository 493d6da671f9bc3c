"""pyHanko's AdES validation (ETSI EN 319 102-1) as a judge: nothing fetched, local knowledge alone.

What it wants, and what follows for who asks it:

- Each certificate must be known not to be revoked.  Of a certificate whose issuer is no root it
  takes, once the present does not suffice any more, an answer (OCSP) of a responder whom the
  issuer named, not the issuer's own list: it cuts the path at the issuer and no longer finds who
  signed the list.  The responder must be known too, by a list or ``id-pkix-ocsp-nocheck``.
- Where nobody says since when something was there, that is when it is first looked at, by this
  machine's clock and after the moment that is judged: NO_POE.  So whoever asks says since when the
  file is known, as a record or an archive does.
- A signature without a time stamp never passes.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from typing import Any

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation import ades
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    NonRevokedStatusAssertion,
    RevocationCheckingPolicy,
)
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer

from factory.seals.cms import asn1_certificate
from factory.seals.longterm import Material

OK = AdESPassed.OK
NOTHING = LocalKnowledge()


@dataclass(frozen=True)
class Trust:
    """Roots of seals and of authorities."""

    roots: Sequence[x509.Certificate]
    time_roots: Sequence[x509.Certificate]

    def policy(self, knows: LocalKnowledge) -> PdfSignatureValidationSpec:
        """Each certificate must be known not to be revoked; nothing is fetched."""
        return PdfSignatureValidationSpec(
            SignatureValidationSpec(
                cert_validation_policy=_policy(self.roots),
                ts_cert_validation_policy=_policy(self.time_roots),
                revinfo_gathering_policy=RevocationInfoGatheringSpec(
                    RevinfoOnlineFetchingRule.LOCAL_ONLY
                ),
                local_knowledge=knows,
            )
        )


def _policy(roots: Sequence[x509.Certificate]) -> CertValidationPolicySpec:
    checking = RevocationCheckingPolicy.from_legacy("require")
    return CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build([asn1_certificate(each) for each in roots]),
        revinfo_policy=CertRevTrustPolicy(revocation_checking_policy=checking),
    )


def knowledge(kept: Material) -> LocalKnowledge:
    """What whoever verifies has kept himself."""
    return LocalKnowledge(
        known_certs=[asn1_x509.Certificate.load(each) for each in kept.certificates],
        known_crls=[CRLContainer(asn1_crl.CertificateList.load(each)) for each in kept.crls],
        known_ocsps=[
            one
            for each in kept.ocsps
            for one in OCSPContainer.load_multi(asn1_ocsp.OCSPResponse.load(each))
        ],
    )


def brought(data: bytes) -> LocalKnowledge:
    """What the file's own security store holds."""
    found: LocalKnowledge = ades._dss_to_local_knowledge(_reader(data))
    return found


def with_time(data: bytes, trust: Trust, at: datetime, knows: LocalKnowledge = NOTHING) -> Any:
    """The verdict of clause 5.5, at a time: levels B-T and B-LT."""
    signature = _seal(data)
    signature.compute_integrity_info()
    spec = trust.policy(knows).signature_validation_spec
    return asyncio.run(
        ades.ades_with_time_validation(
            signature.signed_data,
            spec,
            timing_info=_at(at),
            raw_digest=signature.compute_digest(),
        )
    ).ades_subindic


def kept_since(
    data: bytes, trust: Trust, since: datetime, at: datetime, knows: LocalKnowledge = NOTHING
) -> Any:
    """The verdict of clause 5.6 at a later time on a file that was on record since."""
    return asyncio.run(
        ades.simulate_future_ades_lta_validation(
            _seal(data), trust.policy(knows), at, current_reference_time=since
        )
    ).ades_subindic


def long_after(
    data: bytes, trust: Trust, at: datetime, knows: LocalKnowledge = NOTHING, *, stamper: bytes
) -> Any:
    """The verdict of clause 5.6 with nothing known but what its archive stamps prove.

    stamper: SHA-256 of the certificate of the last stamp, which is known not to be revoked today.
    """
    told = NonRevokedStatusAssertion(stamper, at=at)
    knows = replace(knows, nonrevoked_assertions=[told])
    return asyncio.run(
        ades.ades_lta_validation(_seal(data), trust.policy(knows), timing_info=_at(at))
    ).ades_subindic


def _at(moment: datetime) -> ValidationTimingInfo:
    return ValidationTimingInfo(
        validation_time=moment, best_signature_time=moment, point_in_time_validation=True
    )


def _reader(data: bytes) -> PdfFileReader:
    return PdfFileReader(BytesIO(data))


def _seal(data: bytes) -> Any:
    return _reader(data).embedded_regular_signatures[0]
