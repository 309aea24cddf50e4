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

#: The ids of the claim types are words of the software; people do not write them.
_ID = re.compile(
    rf"\b(?:{'|'.join(re.escape(claim.id) for claim in load_taxonomy().claims if '_' in claim.id)})\b", re.IGNORECASE
)

_STRONG = re.compile(
    "|".join(
        (
            r"\b(?:ignore|disregard|forget|override|ignora|ignore[ns]?|olvida)\b.{0,30}\b(?:above|previous|prior|"
            r"earlier|preceding|instructions?|rules|prompt|everything|anterior(?:es)?|instrucciones|guidelines|"
            r"guardrails)\b",
            r"^[\s\[\(<{#*\"'/-]*(?:system|assistant|developer|admin|sistema)\s+(?:prompt|message|note|"
            r"override|instruction)s?\s*[\]\)>}]?\s*:",
            r"^[\s\[\(<{#*\"'/-]*(?:system|assistant|developer|user|admin|sistema|asistente|human)\s*[\]\)>}]?\s*:"
            r"(?!\s*(?:the|they|he|she|my|our|i|we|it|a|an|his|her|their)\b(?! (?:user|only|label|correct)\b)|\s*$)",
            r"^\W*human\s*:.{0,60}\bassistant\s*:",
            r"<\|?/?\s*(?:system|im_start|im_end|assistant|inst|instructions?)\b|<</?sys>>|\[/?INST\]|###\s*(?:instruction|"
            r"system|response|user|human)",
            r"[\"']role[\"']\s*:\s*[\"'](?:system|assistant|user|developer)",
            r"\byou are (?:now |no longer )(?:a |an |the |in )?(?!evicted|fired|hired|late|done|banned|"
            r"trespassing|under|on)\w+",
            r"\b(?:act as|pretend (?:to be|(?:that )?you(?:'re| are))) (?:a |an |the |my )?(?:\w+ )?(?:judge|"
            r"lawyer|attorney|jury|"
            r"expert|pirate|terminal|interpreter|calculator)\b.{0,40}\b(?:rule|file|say|answer|write|for me|claims?)\b",
            r"^\W*from now on,? you (?:will|must|should|shall|only|are)\b(?!.{0,20}\b(?:work|report|pay|come|start)\b)",
            r"^\W*(?:forget|stop reading|disregard) (?:all (?:of )?(?:that|this)|everything|here)\b",
            r"\byour (?:new|real|next|only|actual) (?:task|job|goal|role|instructions?) (?:is|"
            r"are)\b.{0,20}\b(?:to )?(?:write|list|say|output|"
            r"label|answer|ignore|tell|add)\b|^\W*your new task\b",
            r"^\W*(?:decode|decrypt|execute|run) (?:this|the following)\b",
            r"^\W*(?:respond|reply|answer) with (?:only |just )?the (?:single |one )?word\b",
            r"^\W*repeat (?:the |all |everything )?(?:the )?(?:words|text|lines?|instructions?) (?:above|before)",
            r"^\W*(?:now )?write (?:me )?(?:a|an|the) (?:\w+ )?(?:poem|haiku|song|limerick|joke|essay)\b",
            r"\b(?:this|the|my) (?:narrative|text|story|complaint|message|record|input|"
            r"passage)\b.{0,15}\b(?:should|must|shall|is to) be "
            r"(?:classified|labell?ed|tagged|marked|coded|treated)\b",
            r"\bwhen (?:summari[sz]ing|processing|classifying|labell?ing|reading|analy[sz]ing|"
            r"extracting)\b.{0,40}(?:complaint|text|"
            r"story|narrative|message|this),? (?:you )?(?:always|never|only|must|say|add|list|label)\b",
            rf"\b(?:read|processed|parsed|analy[sz]ed|seen) by (?:an? |any |the )?{_SOFTWARE}\b",
            r"^\W*(?:please )?(?:tell|ask|order) the (?:model|ai|chat ?bot|assistant|llm|classifier) to\b",
            rf"^\W*(?:reminder|hint|memo|warning) (?:to|for) (?:the |any )?{_SOFTWARE}\b",
            r"^\W*[@/#]\s?(?:assistant|system|ai|bot|model)\b[\s:]",
            r"^\W*as (?:the|an?) (?:\w+ )?(?:ai|bot|chat ?bot|llm|language model|classifier),? you\b",
            r"^\W*(?:ai|ai model|llm|model|bot|chat ?bot),? you (?:must|should|will|have to|are to|shall)\b",
            r"^\W*(?:hello|hi|hey),? (?:ai|assistant|chat ?bot|bot|llm)\b",
            r"^\W*(?:begin|start|end) (?:of )?(?:system|admin|developer) (?:message|prompt|note)\b",
            r"\breturn an? empty (?:list|array|object|json)\b",
            # Spanish, French, German, Portuguese: the same few orders.
            r"^\W*(?:por favor,? )?ignor[ae]n? (?:las |todas las |estas )?(?:reglas|órdenes|"
            r"indicaciones)\b.{0,30}\b(?:y|e) (?:ponga|pon|di|diga|"
            r"agregue|agrega|escriba|escribe)\b",
            r"^\W*(?:instrucci(?:ón|ones)|nota|mensaje|aviso|orden) (?:para|a) (?:el |la |los )?(?:sistema|"
            r"modelo|asistente|"
            r"inteligencia artificial|programa|software|ia)\b",
            r"^\W*(?:a|para) (?:la |el )?(?:inteligencia artificial|ia|modelo|asistente virtual)\b.{0,30}:",
            r"^\W*asistente,? (?:no |por favor )?(?:muestr\w+|agreg\w+|pon\w*|di(?:ga)?|borr\w+|ignor\w+|"
            r"list\w+|respond\w+)\b",
            r"\bignorez (?:toutes )?(?:les|ces) (?:instructions|consignes)\b|\bignoriere (?:alle |die "
            r")?(?:vorherigen|bisherigen|obigen)\b|"
            r"\bignore (?:tudo|todas as instruções)\b",
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
        )
    ),
    re.IGNORECASE | re.DOTALL,
)
_FIRST_PERSON = re.compile(
    r"^\W*(?:i|we|my|he|she|they|it|our|the (?:boss|manager|owner|letter|sign|note|e-?mail|chat ?bot on|chat "
    r"?bot at))\b",
    re.IGNORECASE,
)
_FOLLOW_UP = re.compile(rf"^\W*(?:then |and |also |now |please |instead,? )*{_ORDER}\b", re.IGNORECASE)
#: A long run of letters and digits in one word is code, not speech.
_ENCODED = re.compile(
    r"(?<![\w/.@])(?=[A-Za-z0-9+/]*\d)(?=[A-Za-z0-9+/]*[a-z])(?=[A-Za-z0-9+/]*[A-Z])[A-Za-z0-9+/]{32,}={0,2}(?![\w/])"
)
_QUOTED_SPEECH = re.compile(
    r"\b(?:sa(?:id|ys)|told|wrote|writes|yelled|reads)\b[^.!?]{0,60}[:,]?\s*[\"“'‘]?", re.IGNORECASE
)
_OF_A_MESSAGE = re.compile(
    r"\b(?:disregard|ignore|forget) (?:my|our|all|the|your|his|her|their) (?:previous|earlier|last|prior|first) "
    r"(?:message|letter|e-?mail|note|"
    r"text|notice|call|complaint|bill|form)s?\b",
    re.IGNORECASE,
)
_ASKS_FOR_HELP = re.compile(
    r"^\W*(?:please |can you |could you )*(?:tell|list|say|explain|show)\b.{0,20}\b(?:what|which|if|"
    r"my)\b.{0,20}\b(?:claims?|rights|options|case)\b",
    re.IGNORECASE,
)
_NO_SPEECH = ("<!--", "{{")
_BRACKETED = re.compile(r"\[[^\[\]]{8,400}\]|<!--.{4,400}?-->|\{\{[^{}]{4,400}\}\}|<<[^<>]{4,400}>>", re.DOTALL)


def addressed_to_software(text: str, parts: Sequence[Sentence]) -> list[Sentence]:
    """The spans of ``text`` that address the software, in order, none overlapping."""
    spans = [match.span() for match in _BRACKETED.finditer(text) if _is_note_to_software(match.group())]
    spans += [match.span() for match in _ENCODED.finditer(text)]
    aside = bytearray(len(text))  # a flag a character: a text full of brackets costs no more than its length
    for start, end in spans:
        aside[start:end] = b"\x01" * (end - start)
    after_one = False
    for part in parts:
        rest = _outside(part, aside)
        if not rest:
            continue
        direct = _is_direct(rest) or (after_one and bool(_FOLLOW_UP.search(rest)))
        if direct:
            spans.append((part.start, part.end))
        after_one = direct
    return [Sentence(text[start:end], start, end) for start, end in _merged(spans)]


def _is_note_to_software(bracketed: str) -> bool:
    """Comments of mark-up and templates are no speech of a person's at all."""
    return bracketed.startswith(_NO_SPEECH) or _is_direct(bracketed.strip("[]<> "))


def _is_direct(sentence: str) -> bool:
    if _ID.search(sentence):
        return True
    match = _STRONG.search(sentence)
    if match is None or _OF_A_MESSAGE.search(sentence) or _ASKS_FOR_HELP.search(sentence):
        return False
    reported = _FIRST_PERSON.search(sentence) or _QUOTED_SPEECH.search(sentence[: match.start()])
    return not (reported and match.start() > 0)


def _outside(part: Sentence, aside: bytearray) -> str:
    """The words of the sentence that are not set aside already."""
    marks = aside[part.start : part.end]
    if not any(marks):
        return part.text
    return "".join(" " if mark else character for mark, character in zip(marks, part.text, strict=True)).strip()


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
