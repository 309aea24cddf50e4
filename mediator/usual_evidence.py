"""Which of a claim's usual evidence shows which of its elements: data in the taxonomy's own words, nothing else.

The taxonomy lists evidence by claim; the interview asks for it by element. A test holds that every word
here is the taxonomy's and that every usual piece is asked for at one element at least.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["USUAL_EVIDENCE"]

_CHARGE = ("EEOC charge",)

USUAL_EVIDENCE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "employment_discrimination": {
        "covered_employer": ("pay stubs", "job posting"),
        "qualified": ("performance reviews",),
        "adverse_action": ("termination or rejection letter",),
        "because_of": ("emails and texts with remarks", "names and treatment of comparators"),
        "exhaustion": ("EEOC charge and right-to-sue notice",),
        "harm": ("pay stubs",),
    },
    "disability_accommodation": {
        "need": ("doctor's note",),
        "request": ("accommodation request (email, form)",),
        "could_do_job": ("job description",),
        "denial": ("employer's reply",),
        "exhaustion": _CHARGE,
    },
    "workplace_harassment": {
        "unwelcome": ("messages and pictures", "witnesses"),
        "severe_or_pervasive": ("a dated log", "medical or counseling records"),
        "employer_responsible": ("complaint to HR and its answer", "policy or handbook"),
    },
    "retaliation": {
        "protected_activity": ("the complaint (email, HR form)",),
        "employer_knew": ("witnesses",),
        "adverse_action": ("discipline or termination papers",),
        "causation": ("timeline", "earlier good reviews"),
    },
    "wrongful_termination": {
        "protected_act": (
            "report to the agency or manager",
            "workers' compensation claim",
            "jury summons",
            "safety photos",
        ),
        "discharge": ("termination letter",),
        "causal_link": ("emails ordering the illegal act",),
    },
    "family_medical_leave": {
        "qualifying_reason": ("medical certification (WH-380)",),
        "notice": ("leave request", "designation notice (WH-382)"),
        "interference": ("attendance points", "return-to-work messages"),
    },
    "wage_and_hour": {
        "employee": ("offer letter",),
        "work_done": ("schedules and time records", "own log of hours", "texts about shifts"),
        "underpaid": ("pay stubs", "bank deposits", "tip records"),
        "employer_knew": ("texts about shifts",),
    },
    "breach_of_contract": {
        "contract": ("the contract or messages that made it",),
        "performance": ("receipts and bank records",),
        "breach": ("photos of the work", "demand letter"),
        "damages": ("estimates to finish or fix",),
    },
    "negligence": {
        "breach": ("photos of the scene", "incident or police report", "witnesses", "video (ask to keep it early)"),
        "causation": ("medical records and bills",),
        "damages": ("medical records and bills", "repair estimates"),
    },
    "product_liability": {
        "defendant_sold": ("receipt", "the product itself (keep it, do not repair)"),
        "defect": ("photos", "recall notice", "manual and labels"),
        "causation": ("fire report",),
        "damages": ("medical records",),
    },
    "consumer_fraud": {
        "transaction": ("contract", "receipts and card statements"),
        "deception": ("advertisement or screenshot", "messages", "inspection report"),
        "loss": ("receipts and card statements",),
        "notice": ("demand letter", "complaints to agency"),
    },
    "debt_collection": {
        "consumer_debt": ("credit report",),
        "debt_collector": ("letters and envelopes", "court papers"),
        "prohibited_act": ("call log and voicemails", "texts", "dispute letter with proof of mailing"),
    },
    "credit_reporting": {
        "inaccurate": ("credit reports before and after", "identity theft report"),
        "dispute": ("dispute letters",),
        "failure": ("bureau's results",),
        "harm": ("denial letter",),
    },
    "housing_discrimination": {
        "protected_trait": ("accommodation request and doctor's letter",),
        "dwelling": ("listing and screenshots", "application and fee receipt"),
        "adverse_act": ("messages with the landlord", "HUD complaint"),
        "because_of": ("tester or friend's account",),
    },
    "security_deposit": {
        "deposit_paid": ("deposit receipt or cancelled check", "lease"),
        "moved_out": ("checklist",),
        "forwarding_address": ("forwarding-address letter",),
        "not_returned": ("itemized list",),
        "condition": ("move-in and move-out photos", "checklist"),
    },
    "habitability": {
        "tenancy": ("rent receipts",),
        "serious_condition": ("photos and videos with dates", "inspection or code violation report"),
        "notice": ("texts and letters to landlord",),
        "failure_to_repair": ("inspection or code violation report",),
        "harm": ("medical records", "hotel or heater receipts"),
    },
    "illegal_eviction": {
        "occupant": ("lease or rent receipts",),
        "self_help": ("photos of locks or belongings", "messages", "utility record"),
        "no_court_order": ("police report",),
        "harm": ("hotel receipts",),
    },
    "civil_rights_1983": {
        "state_actor": ("police report and booking papers",),
        "federal_right": ("body-camera or phone video", "dismissal or court papers"),
        "personal_involvement": ("witnesses", "public-records replies"),
        "harm": ("medical records and photos",),
        "grievance": ("grievances",),
    },
    "defamation": {
        "false_fact": ("screenshots with dates and links", "proof it is false"),
        "publication": ("names of people who read it",),
        "fault": ("retraction request",),
        "damages": ("lost-business records",),
    },
    "medical_malpractice": {
        "provider_relationship": ("full medical records and imaging", "timeline of visits"),
        "breach_of_standard": ("medication list", "consent forms"),
        "causation": ("second opinion",),
        "damages": ("bills",),
        "expert": ("second opinion",),
    },
    "assault_battery": {
        "intent": ("threatening messages", "video"),
        "contact_or_fear": ("witnesses", "police report"),
        "harm": ("photos of injuries", "medical records"),
    },
}
