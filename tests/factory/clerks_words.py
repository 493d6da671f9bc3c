"""Which words a clerk at a counter can read: a rule for the reasons that a verifier gives."""

from __future__ import annotations

import re

#: what a sentence may begin with: whose signature it is about
LABEL = re.compile(r"^(?:(?:ApplicantSign|EnterpriseSeal|the seal's maker|signature \d\d?): )*")
IN_BRACKETS = re.compile(r" ?\([^()]*\)")  #: sources and the terms of a standard
MEMBER = re.compile(r"(?<=file|aled|here): [A-Za-z0-9_./-]{1,80}$")  #: which one of a package
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
BYTES = re.compile(r"\d+ bytes|version \d")
ALGORITHMS = re.compile(r"UTF-8|SHA-\d{1,3}|SM[23]|MD5|RSA of \d+ bits|P-\d{3}")
KNOWN = frozenset({"PDF", "OFD", "ZIP", "XML", "DTD", "CA", "CA's", "DER", "RSA", "PAdES", "CAdES"})
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
SENTENCE = re.compile(r"[a-z][A-Za-z ,:;'/.-]*")
LEAST, MOST = 2, 40  #: words


def problem(said: str) -> str | None:
    """What of a reason no clerk can read; None: nothing."""
    rest = LABEL.sub("", said)
    rest = BYTES.sub("", MOMENT.sub("", MEMBER.sub("", IN_BRACKETS.sub("", rest))))
    rest = ALGORITHMS.sub("", rest)
    if not SENTENCE.fullmatch(rest):
        return "no sentence"
    words = WORD.findall(rest)
    if not LEAST <= len(words) <= MOST:
        return "too few words, or too many"
    for word in words:
        if word not in KNOWN and not re.fullmatch(r"[a-z][a-z'-]*", word):
            return f"a code, or a name of a program: {word}"
    return None
