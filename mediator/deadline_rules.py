"""Which limitation notes of the taxonomy name a fixed period, and from which date each runs: data, nothing else.

A rule repeats its note's statute and period, and a test holds that both stand in the note. State rules are
examples in the taxonomy, so they have no rule here and stay text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["RULES", "Rule"]

Unit = Literal["days", "months", "years"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One period: what is to be done within it, its statute, and the elements or thing whose date starts it.

    ``pick`` says which date counts when several are told: the earliest is the careful choice.
    ``note`` is the place of the note among the claim's limitation notes.
    """

    claim: str
    note: int
    what: str
    count: int
    unit: Unit
    statute: str
    elements: tuple[str, ...] = ()
    thing: str | None = None
    starts: str = "the act"
    pick: Literal["earliest", "latest"] = "earliest"
    only_if: str | None = None


_TITLE_VII = "42 U.S.C. § 2000e-5(e)(1)"
_WILLFUL = "only if the violation was willful"


def _charge(claim: str, note: int, element: str, statute: str = _TITLE_VII, pick: str = "earliest") -> tuple[Rule, ...]:
    latest: Literal["earliest", "latest"] = "latest" if pick == "latest" else "earliest"
    return (
        Rule(claim, note, "file a charge with the EEOC", 180, "days", statute, (element,), pick=latest),
        Rule(
            claim,
            note,
            "file a charge with the EEOC",
            300,
            "days",
            statute,
            (element,),
            pick=latest,
            only_if="only where a state or local agency has authority",
        ),
    )


def _suit(claim: str, note: int, statute: str) -> Rule:
    return Rule(
        claim, note, "start the lawsuit", 90, "days", statute, thing="right_to_sue", starts="the right-to-sue notice"
    )


def _two_or_three(
    claim: str, note: int, statute: str, elements: tuple[str, ...], only: str | None = None
) -> tuple[Rule, ...]:
    both = _WILLFUL if only is None else f"{only}, and {_WILLFUL}"
    return (
        Rule(claim, note, "start the lawsuit", 2, "years", statute, elements, only_if=only),
        Rule(claim, note, "start the lawsuit", 3, "years", statute, elements, only_if=both),
    )


RULES: tuple[Rule, ...] = (
    *_charge("employment_discrimination", 0, "adverse_action"),
    _suit("employment_discrimination", 1, "42 U.S.C. § 2000e-5(f)(1)"),
    Rule(
        "employment_discrimination",
        2,
        "start the lawsuit",
        4,
        "years",
        "28 U.S.C. § 1658(a)",
        ("adverse_action",),
        only_if="only for § 1981 (race), for most conduct after hiring",
    ),
    *_charge("disability_accommodation", 0, "denial", "42 U.S.C. §§ 12117(a), 2000e-5(e)(1)"),
    _suit("disability_accommodation", 0, "42 U.S.C. §§ 12117(a), 2000e-5(e)(1), (f)(1)"),
    *_charge("workplace_harassment", 0, "unwelcome", pick="latest"),
    *_charge("retaliation", 0, "adverse_action"),
    *_two_or_three("retaliation", 1, "29 U.S.C. § 255(a)", ("adverse_action",), "only for reports about pay (FLSA)"),
    *_two_or_three("retaliation", 2, "29 U.S.C. § 2617(c)", ("adverse_action",), "only for leave (FMLA)"),
    Rule(
        "wrongful_termination",
        1,
        "complain to OSHA",
        180,
        "days",
        "18 U.S.C. § 1514A(b)(2)(D)",
        ("discharge",),
        "job_ended",
        starts="the firing",
        only_if="only for reports of fraud on shareholders (SOX)",
    ),
    Rule(
        "wrongful_termination",
        2,
        "start the lawsuit",
        3,
        "years",
        "31 U.S.C. § 3730(h)(3)",
        ("discharge",),
        "job_ended",
        starts="the firing",
        only_if="only for reports of false claims on the government (FCA)",
    ),
    Rule(
        "wrongful_termination",
        3,
        "complain to OSHA",
        30,
        "days",
        "29 U.S.C. § 660(c)(2)",
        ("discharge",),
        "job_ended",
        starts="the firing",
        only_if="only for reports of safety dangers (OSHA § 11(c))",
    ),
    *_two_or_three("family_medical_leave", 0, "29 U.S.C. § 2617(c)", ("interference",)),
    *_two_or_three("wage_and_hour", 0, "29 U.S.C. § 255(a)", ("underpaid", "work_done")),
    Rule(
        "breach_of_contract",
        0,
        "start the lawsuit",
        4,
        "years",
        "U.C.C. § 2-725(1)",
        ("breach",),
        starts="the breach",
        only_if="only for goods",
    ),
    Rule(
        "negligence",
        2,
        "file a claim with the agency",
        2,
        "years",
        "28 U.S.C. § 2401(b)",
        ("causation", "damages", "breach"),
        "injured",
        starts="the injury",
        only_if="only against the federal government (FTCA)",
    ),
    Rule(
        "product_liability",
        1,
        "start the lawsuit",
        4,
        "years",
        "U.C.C. § 2-725",
        ("defendant_sold",),
        starts="the delivery",
        only_if="only for breach of warranty",
    ),
    Rule(
        "consumer_fraud",
        1,
        "start the lawsuit",
        2,
        "years",
        "49 U.S.C. § 32710(b)",
        ("deception", "transaction"),
        only_if="only for a changed odometer",
    ),
    Rule(
        "consumer_fraud",
        2,
        "start the lawsuit",
        1,
        "years",
        "15 U.S.C. § 1640(e)",
        ("transaction", "deception"),
        only_if="only for loans (TILA), for most claims",
    ),
    Rule("debt_collection", 0, "start the lawsuit", 1, "years", "15 U.S.C. § 1692k(d)", ("prohibited_act",)),
    Rule(
        "credit_reporting",
        0,
        "start the lawsuit",
        2,
        "years",
        "15 U.S.C. § 1681p",
        thing="discovered",
        starts="the discovery",
    ),
    Rule("housing_discrimination", 0, "start the lawsuit", 2, "years", "42 U.S.C. § 3613(a)(1)(A)", ("adverse_act",)),
    Rule("housing_discrimination", 1, "complain to HUD", 1, "years", "42 U.S.C. § 3610(a)(1)(A)(i)", ("adverse_act",)),
    Rule(
        "medical_malpractice",
        1,
        "file a claim with the agency",
        2,
        "years",
        "28 U.S.C. § 2401(b)",
        ("breach_of_standard", "causation", "damages"),
        starts="the injury",
        only_if="only for a federal clinic",
    ),
    Rule(
        "immigration_matter",
        0,
        "apply for asylum",
        1,
        "years",
        "8 U.S.C. § 1158(a)(2)(B)",
        thing="arrived",
        starts="the arrival",
    ),
)
