"""What the people of these tests tell."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CONFLICT", "DEPOSIT", "FAMILY", "NOTHING", "SPANISH", "WAGES"]

_SAMPLES = Path(__file__).resolve().parent.parent.parent / "samples"
WAGES = (_SAMPLES / "story.txt").read_text().strip()
DEPOSIT = (
    "My name is Renee Castellanos. I rented a studio from Birchline Apartments and moved out on April 30, 2025. "
    "They kept my whole $900 deposit and never sent a list of what it was for."
)
CONFLICT = (
    "I rented from Birchline Apartments and I moved out on April 30, 2025. They kept my deposit of $900 and sent no "
    "list. When I moved out on May 12, 2025, I gave back the keys. My deposit was $1,100 in cash."
)
SPANISH = (
    "Me llamo Begoña Muñoz. El dueño se quedó con mi depósito de $900 y nunca me dio una lista. "
    "Me fui de la casa el 30 de abril de 2025. ¿Qué puedo hacer?"
)
NOTHING = "The weather was lovely on Sunday and my sister baked a lemon cake for the whole street. We sang until nine."
FAMILY = (
    "My ex husband filed for divorce and wants full custody of our two children. "
    "I need child support and a custody order."
)
