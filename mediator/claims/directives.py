"""Finds text that talks to the software instead of telling the story.

Such text is content to set aside: never obeyed, never a fact, never a reason for a label. What is
set aside is shown to the person, with its place. Plain speech about computers ("the system was
down", "the chatbot told me no refunds") is story and stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mediator.claims.taxonomy import load_taxonomy
from mediator.claims.text import Sentence

__all__ = ["addressed_to_software"]

_SOFTWARE = (
    r"(?:ai|a\.i\.|assistant|chat ?bot|bot|chatgpt|gpt|llm|language model|model|software|program|system|"
    r"computer|parser|classifier|extractor|intake tool|intake software|reader software|algorithm|"
    r"machine reading)"
)
_ORDER = (
    r"(?:ignore|disregard|forget|override|bypass|skip|stop|output|print|return|respond|reply|answer|write|"
    r"say|list|label|mark|classify|tag|add|include|insert|drop|omit|remove|delete|exclude|extract|treat|"
    r"set|assume|pretend|act|report|rate|score|give|produce|generate|repeat|reveal|summarize|translate|"
    r"never mention|always|do not|don't|you must|make sure|only)"
)

_IDS = tuple(re.escape(claim.id) for claim in load_taxonomy().claims if "_" in claim.id)

_STRONG = re.compile(
    "|".join(
        (
            r"\b(?:ignore|disregard|forget|override|ignora|ignore[ns]?|olvida)\b.{0,30}\b(?:above|previous|prior|"
            r"earlier|preceding|instructions?|rules|prompt|everything|anterior(?:es)?|instrucciones|guidelines|"
            r"guardrails)\b",
            r"^[\s\[\(<{#*\"'/-]*(?:system|assistant|developer|user|admin|sistema)(?:\s+(?:prompt|message|note|"
            r"override|instruction)s?)?\s*[\]\)>}]?\s*:",
            r"<\|?/?\s*(?:system|im_start|im_end|assistant|inst|instructions?)\b|\[/?INST\]|###\s*(?:instruction|"
            r"system)",
            r"\byou are (?:now |no longer )(?:a |an |the |in )?\w+",
            r"\b(?:you are|you're|act as|pretend to be|eres) (?:a |an |the |una? )?(?:\w+ ){0,2}" + _SOFTWARE + r"\b",
            rf"\b(?:note|notice|message|instructions?|command|attention|request|memo|order)s?\b.{{0,20}}\b(?:to|"
            rf"for|a|al|para)\s+(?:the |any |all |la |el |whatever |whoever )?(?:\w+[ -]){{0,3}}{_SOFTWARE}\b",
            rf"^\W*(?:to|dear|hey|hello|attention|attn|para|al|for)[:,]?\s+(?:the |any |el |la |"
            rf"all )?(?:\w+ )?{_SOFTWARE}s?\b\s*[:,\-–—]",
            rf"^\W*(?:attention[:,]?\s+)?{_SOFTWARE}s?\s*[:,]\s*(?:please |you must |now )?{_ORDER}\b",
            rf"\bif you are an? (?:\w+ )?{_SOFTWARE}\b",
            rf"\b(?:the |this |any |whatever |an? )(?:\w+ )?{_SOFTWARE} (?:reading|processing|that reads|"
            rf"which reads|must|should|shall|is to|has to)\b",
            r"\bas an? (?:ai|language model|assistant)\b",
            r"\b(?:respond|reply|answer|output|return)\b (?:only|just|exactly|with only|in|"
            r"with)\b.{0,30}\b(?:json|yaml|xml|empty list|the word|nothing|no claims?|\[\]|yes|no)\b",
            r"\b(?:add|include|insert|drop|remove|delete|omit|output|extract|list|label|classify|tag|mark|flag|"
            r"record|count|report|set)\b.{0,60}\b(?:claims?|labels?|categor(?:y|ies)|taxonomy|plaintiff|defendant|"
            r"confidence|no[_ ]claim|actionable|json|claim types?|element)\b.{0,40}$",
            r"\btreat\b.{1,60}\bas (?:the |a )?(?:plaintiff|defendant|witness|fact|true|proven|evidence|verified)\b",
            r"\b(?:end|begin|start|new|fin) (?:of )?(?:instructions?|prompt|system|user input|story|narrative|"
            r"text)\b\W*$",
            r"\b(?:print|reveal|show|repeat|output)\b.{0,20}\b(?:your|the|hidden|system) (?:\w+ )?(?:prompt|"
            r"instructions|rules)\b",
            r"\b(?:developer|admin|debug|god|dan|root) mode\b|\bjailbreak\b|\bprompt injection\b|\bsystem prompt\b",
            r"\byou are dan\b|\byou have no (?:rules|restrictions|limits|filters|guidelines)\b",
            r"\b(?:new|updated|special|secret|hidden|final|nuevas) (?:instructions?|instrucciones)\s*:",
            r"^\W*override\b\s*[:,]",
            r"^\W*(?:please )?(?:translate|summari[sz]e|rewrite|paraphrase) (?:the |this |all )?(?:above|text|"
            r"story|previous)\b",
            rf"^\W*(?:please |also |and |now |then )*{_ORDER}\b.{{0,80}}\b(?:discrimination|defamation|negligence|"
            rf"malpractice|"
            r"retaliation|harassment|battery|wrongful(?:ly)? terminat\w+|liability|immigration matter|"
            r"family matter|fraud|"
            r"breach of contract|statute|damages|lawsuit value)\b",
            # The ids of the claim types are words of the software; people do not write them.
            rf"\b(?:{'|'.join(_IDS)})\b",
        )
    ),
    re.IGNORECASE | re.DOTALL,
)
_FIRST_PERSON = re.compile(r"^\W*(?:i|we|my|he|she|they|it|our|the (?:boss|manager|owner))\b", re.IGNORECASE)
_FOLLOW_UP = re.compile(rf"^\W*(?:then |and |also |now |please |instead,? )*{_ORDER}\b", re.IGNORECASE)
_NO_SPEECH = ("<!--", "{{")
_BRACKETED = re.compile(r"\[[^\[\]]{8,400}\]|<!--.{4,400}?-->|\{\{[^{}]{4,400}\}\}|<<[^<>]{4,400}>>", re.DOTALL)


def addressed_to_software(text: str, parts: Sequence[Sentence]) -> list[Sentence]:
    """The spans of ``text`` that address the software, in order, none overlapping."""
    spans = [match.span() for match in _BRACKETED.finditer(text) if _is_note_to_software(match.group())]
    after_one = False
    for part in parts:
        if any(start <= part.start and part.end <= end for start, end in spans):
            continue
        rest = _outside(part, spans)
        direct = _is_direct(rest) or (after_one and bool(_FOLLOW_UP.search(rest)))
        if direct:
            spans.append((part.start, part.end))
        after_one = direct
    return [Sentence(text[start:end], start, end) for start, end in _merged(spans)]


def _is_note_to_software(bracketed: str) -> bool:
    """Comments of mark-up and templates are no speech of a person's at all."""
    return bracketed.startswith(_NO_SPEECH) or _STRONG.search(bracketed.strip("[]<> ")) is not None


def _is_direct(sentence: str) -> bool:
    match = _STRONG.search(sentence)
    if match is None:
        return False
    return not (_FIRST_PERSON.search(sentence) and match.start() > 0)


def _outside(part: Sentence, spans: Sequence[tuple[int, int]]) -> str:
    kept = [
        " " if any(start <= part.start + i < end for start, end in spans) else character
        for i, character in enumerate(part.text)
    ]
    return "".join(kept).strip()


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
